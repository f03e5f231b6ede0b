"""The application factory: the blueprints of the chosen services, and what all requests share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from flask import Flask
from flask_cors import CORS
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix

from application.engine.answers import Answers
from application.engine.time_travel import TimeTravel
from application.executors import Executors
from application.ports.access_tokens import AccessTokens
from application.ports.clock import Clock
from application.ports.codec import Wire
from application.ports.history import History
from application.ports.media_store import MediaStore
from application.system import COMMAND, QUERY, Service
from application.updates import Updates
from application.use_cases.cases.engage import Engage
from application.use_cases.cases.enrich import Enrich
from application.use_cases.cases.report import Report
from application.use_cases.discussions.discuss import Discuss
from application.use_cases.evidence.uploads import ReceiveUploads
from application.use_cases.members.accounts import Accounts
from application.use_cases.moderation.moderate import Moderate
from domain.catalog import EVENTS
from entrypoints.http.asyncapi import asyncapi_blueprint
from entrypoints.http.attempts import Attempts, limit_attempts
from entrypoints.http.cases import cases_blueprint
from entrypoints.http.discussions import discussions_blueprint
from entrypoints.http.dispute import dispute_pages
from entrypoints.http.docs import docs_blueprint
from entrypoints.http.documentation import completed
from entrypoints.http.engagement import engagement_blueprint
from entrypoints.http.evidence import evidence_blueprint
from entrypoints.http.feeds import feeds_blueprint
from entrypoints.http.health import health_blueprint
from entrypoints.http.history import history_blueprint
from entrypoints.http.instance import instance_blueprint, problem_pages
from entrypoints.http.json import MsgspecJson
from entrypoints.http.limits import limit_rates
from entrypoints.http.members import members_blueprint
from entrypoints.http.moderation import moderation_blueprint
from entrypoints.http.parties import parties_blueprint
from entrypoints.http.problems import ProblemApi, register_problems
from entrypoints.http.queries import query_blueprint
from entrypoints.http.replies import count_requests, identify_reply, with_headers
from entrypoints.http.requests import (
    LARGEST_BODY,
    Requests,
    identify_request,
    limit_body,
    only_json,
    read_claims,
    refuse_unread,
)
from entrypoints.http.sessions import sessions_blueprint
from entrypoints.http.share import share_blueprint
from entrypoints.http.standing import standing_blueprint
from entrypoints.http.updates import updates_blueprint
from entrypoints.http.uploads import uploads_blueprint

EXPOSED = (
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Klarity-Token",
    "Link",
    "Location",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "Tus-Checksum-Algorithm",
    "Tus-Extension",
    "Tus-Max-Size",
    "Tus-Resumable",
    "Tus-Version",
    "Upload-Expires",
    "Upload-Length",
    "Upload-Offset",
    "X-Request-Id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpParts:
    """The dependencies of the HTTP entrypoint, made by the container."""

    services: Sequence[Service]
    executors: Executors
    accounts: Accounts
    report: Report
    engage: Engage
    enrich: Enrich
    discuss: Discuss
    moderate: Moderate
    uploads: ReceiveUploads
    tokens: AccessTokens
    request_key: bytes
    clock: Clock
    answers: Mapping[str, Answers[Any]]
    travel: TimeTravel
    updates: Updates
    streams: int
    media: MediaStore
    history: History
    wire: Wire
    service_token: str
    checks: Mapping[str, Callable[[], object]]
    waits: Callable[[], Mapping[str, Mapping[str, str]]]
    warnings: Callable[[], Mapping[str, str]]
    registry: CollectorRegistry
    largest_upload: int
    rate_limit: str
    attempts: Attempts
    public_url: str
    cors_origins: Sequence[str]
    proxies: int


class SynchronousFlask(Flask):
    """Flask without the check on every call whether a view is a coroutine: none is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def create_app(parts: HttpParts) -> Flask:
    """Return a Flask application that serves the chosen services."""
    app = SynchronousFlask("klarity", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        TOKEN_KEY=parts.request_key,
        API_TITLE="Klarity",
        API_VERSION=version("klarity"),
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "components": {
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "The access_token of POST /v1/sessions; valid for minutes.",
                    },
                },
            },
            "info": {
                "description": "Report petty corruption, safely and backed by evidence.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
        },
    )
    app.json = MsgspecJson(app)
    # werkzeug would redirect a doubled slash, with a body in HTML.
    app.url_map.merge_slashes = False
    if parts.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=parts.proxies)  # type: ignore[method-assign]  # as Flask documents it
    app.wsgi_app = with_headers(app.wsgi_app)  # type: ignore[method-assign,assignment]  # as Flask documents it
    count_requests(app, parts.registry)
    app.before_request(identify_request)
    app.before_request(refuse_unread)
    app.before_request(partial(read_claims, parts.tokens))
    app.before_request(partial(limit_body, parts.largest_upload))
    app.before_request(only_json)
    app.after_request(identify_reply)
    if parts.cors_origins:
        CORS(app, origins=list(parts.cors_origins), expose_headers=list(EXPOSED))
    limit_attempts(app, parts.attempts)
    limit_rates(app, parts.rate_limit)
    api = ProblemApi(app)
    register_problems(app)
    _add_resources(app, api, parts)
    return app


def _add_resources(app: Flask, api: ProblemApi, parts: HttpParts) -> None:
    requests = Requests(parts.accounts.signed_in, parts.request_key, parts.clock)
    own = {service.id for service in parts.services}
    logs = tuple(s.name for s in parts.services if s.kind == COMMAND)
    if f"{COMMAND}:members" in own:
        members = parts.executors.members
        api.register_blueprint(members_blueprint(parts.accounts, members, requests))
        api.register_blueprint(sessions_blueprint(parts.accounts, parts.tokens, requests))
        api.register_blueprint(standing_blueprint(members, requests))
    if f"{COMMAND}:cases" in own:
        api.register_blueprint(cases_blueprint(parts.executors.cases, parts.report, requests))
        api.register_blueprint(engagement_blueprint(parts.engage, requests))
        api.register_blueprint(parties_blueprint(parts.enrich, requests, parts.public_url))
        app.register_blueprint(dispute_pages(parts.enrich, requests))
    if f"{COMMAND}:discussions" in own:
        api.register_blueprint(discussions_blueprint(parts.discuss, requests))
    if f"{COMMAND}:moderation" in own:
        api.register_blueprint(moderation_blueprint(parts.moderate, requests))
    if f"{COMMAND}:evidence" in own:
        api.register_blueprint(uploads_blueprint(parts.uploads, requests))
    if f"{QUERY}:evidence" in own:
        answers = parts.answers["evidence"]
        api.register_blueprint(evidence_blueprint(answers, parts.media, requests))
    if f"{QUERY}:cases" in own:
        answers = parts.answers["cases"]
        api.register_blueprint(feeds_blueprint(answers, requests, parts.public_url))
        app.register_blueprint(share_blueprint(answers, parts.media, parts.public_url))
        api.register_blueprint(updates_blueprint(parts.updates, parts.streams))
    for service in parts.services:
        if service.kind == QUERY:
            answers = parts.answers[service.name]
            api.register_blueprint(query_blueprint(answers, parts.travel, requests))
    api.register_blueprint(
        instance_blueprint(parts.largest_upload, parts.uploads.quota, parts.uploads.media_types)
    )
    app.register_blueprint(history_blueprint(parts.history, parts.wire, parts.service_token, logs))
    app.register_blueprint(
        health_blueprint(parts.checks, parts.registry, parts.waits, parts.warnings)
    )
    app.register_blueprint(problem_pages())
    app.register_blueprint(docs_blueprint(completed(api.spec.to_dict())))
    app.register_blueprint(asyncapi_blueprint(EVENTS))
