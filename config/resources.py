"""Make the blueprints of a process: those of its services, and those of every process."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Blueprint

from application.engine.answers import Answers
from application.exports import CaseExports
from application.queries.case_changes import CaseChanges
from application.system import COMMAND, QUERY, Service
from config.container import Container
from config.use_cases import UseCases
from entrypoints.http.cases import cases_blueprint
from entrypoints.http.delays import delays_blueprint
from entrypoints.http.discussions import discussions_blueprint
from entrypoints.http.engagement import engagement_blueprint
from entrypoints.http.evidence import evidence_blueprint
from entrypoints.http.feeds import feeds_blueprint
from entrypoints.http.health import health_blueprint
from entrypoints.http.history import history_blueprint
from entrypoints.http.instance import instance_blueprint, problem_pages
from entrypoints.http.leaving import leaving_blueprint
from entrypoints.http.members import members_blueprint
from entrypoints.http.moderation import moderation_blueprint
from entrypoints.http.oembed import oembed_blueprint
from entrypoints.http.openings import openings_blueprint
from entrypoints.http.parties import parties_blueprint
from entrypoints.http.queries import query_blueprint
from entrypoints.http.requests import Requests
from entrypoints.http.sessions import sessions_blueprint
from entrypoints.http.standing import standing_blueprint
from entrypoints.http.updates import updates_blueprint
from entrypoints.http.uploads import uploads_blueprint
from entrypoints.monitor.access import is_loopback
from entrypoints.monitor.state import state_blueprint


class Resources:
    """Makes the blueprints from the container and the use cases."""

    def __init__(
        self,
        container: Container,
        use_cases: UseCases,
        warnings: Callable[[], Mapping[str, str]],
        exposition: Callable[[], bytes] = bytes,
    ) -> None:
        self._container = container
        self._settings = container.settings()
        self._use_cases = use_cases
        self._warnings = warnings
        self._exposition = exposition
        self._requests = Requests(
            use_cases.accounts.signed_in,
            container.aliases().is_own,
            container.keys().requests,
            container.texts(),
            container.clock(),
        )

    def blueprints(self) -> Iterator[Blueprint]:
        """Yield what clients reach, in the order in which OpenAPI lists it."""
        for service in self._settings.services:
            yield from self._of_commands(service)
        for service in self._settings.services:
            if service.kind == QUERY:
                yield from self._of_query(self._container.answers()[service.name])
        yield from self._of_process()

    def internal(self) -> Iterator[Blueprint]:
        """Yield what operators and other services reach."""
        container = self._container
        yield history_blueprint(
            container.history(),
            container.wire_format(),
            container.keys().services,
            self._own_logs(),
        )
        yield health_blueprint(
            self._checks(), self._exposition, container.runtime().unreadable, self._warnings
        )
        if self._settings.serves_monitor:
            is_private = is_loopback(self._settings.internal_host)
            token = "" if is_private else container.keys().services
            yield state_blueprint(self._use_cases.watch.overview, token)

    def _of_commands(self, service: Service) -> Iterator[Blueprint]:
        use_cases, requests, public_url = self._use_cases, self._requests, self._settings.public_url
        executors = use_cases.executors
        match service.id:
            case "command:members":
                yield members_blueprint(use_cases.accounts, executors.members, requests)
                yield leaving_blueprint(
                    use_cases.accounts,
                    use_cases.export_account,
                    use_cases.erasure_receipts,
                    requests,
                    use_cases.security,
                )
                yield sessions_blueprint(use_cases.accounts, self._container.tokens(), requests)
                yield standing_blueprint(executors.members, requests)
            case "command:cases":
                yield cases_blueprint(
                    executors.cases, use_cases.report, use_cases.authorship, requests
                )
                yield delays_blueprint(executors.cases, requests)
                yield engagement_blueprint(use_cases.engage, requests)
                yield parties_blueprint(use_cases.enrich, requests, public_url)
            case "command:discussions":
                yield discussions_blueprint(use_cases.discuss, requests)
            case "command:moderation":
                yield moderation_blueprint(use_cases.moderate, requests)
            case "command:evidence":
                yield uploads_blueprint(use_cases.receive_uploads, requests)
                yield openings_blueprint(executors.evidence, requests, self._use_cases.security)

    def _of_query(self, answers: Answers[Any]) -> Iterator[Blueprint]:
        requests, public_url = self._requests, self._settings.public_url
        media = self._container.media()
        match answers.service.name:
            case "evidence":
                yield evidence_blueprint(answers, media, requests)
            case "cases":
                exports = CaseExports(answers, self._container.answers()[CaseChanges.name])
                yield feeds_blueprint(
                    answers, exports, requests, public_url, self._use_cases.security
                )
                yield oembed_blueprint(answers, media, public_url)
                yield updates_blueprint(
                    self._use_cases.updates, self._container.texts(), self._settings.streams
                )
        yield query_blueprint(answers, self._container.travel(), requests)

    def _of_process(self) -> Iterator[Blueprint]:
        uploads = self._use_cases.receive_uploads
        yield instance_blueprint(self._settings.largest_upload, uploads.quota, uploads.media_types)
        yield problem_pages()

    def _own_logs(self) -> tuple[str, ...]:
        return tuple(each.name for each in self._settings.services if each.kind == COMMAND)

    def _checks(self) -> dict[str, Callable[[], object]]:
        stores, answers = self._container.stores(), self._container.answers()
        served = [service for service in self._settings.services if service.kind == QUERY]
        return {
            **{f"log:{log}": store.last_position for log, store in stores.items()},
            **{service.id: answers[service.name].must_be_caught_up for service in served},
        }
