"""A process that serves some of the services only."""

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from application.system import MONITOR, SITE, services
from config.contracts import openapi
from config.process import Process
from config.settings import read_settings
from entrypoints.http.health import health_blueprint
from entrypoints.nginx import FALLBACK, nginx_configuration
from tests.http.conftest import Caller


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"SERVICES": "query:videos"}


def test_a_process_serves_its_own_services(anybody: Caller, operator: Caller) -> None:
    assert anybody("GET", "/v1/videos").json == {"items": []}
    assert operator("GET", "/health/ready").status_code == 200


def test_a_process_describes_the_whole_system(
    anybody: Caller, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_SERVICES", "all")
    whole = read_settings()
    own = {str(rule) for rule in process.app.url_map.iter_rules()}
    described = anybody("GET", "/openapi.json").json["paths"]
    assert "/v1/videos" in own
    assert "/v1/members" not in own
    assert {"/v1/videos", "/v1/members"} <= described.keys()
    assert anybody("GET", "/openapi.json").json == openapi(whole)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/members"),
        ("POST", "/v1/cases"),
        ("GET", "/v1/cases"),
        ("GET", "/v1/rules"),
        ("GET", "/v1/disputes/x"),
        ("GET", "/v1/moderation/queue"),
        ("POST", "/v1/uploads"),
    ],
)
def test_paths_of_other_services_are_not_found(anybody: Caller, method: str, path: str) -> None:
    body: Any = {} if method == "POST" else None
    assert anybody(method, path, body).status_code == 404


def test_a_query_process_serves_no_history(process: Process) -> None:
    token = process.container.keys().services
    headers: Any = {"Authorization": f"Bearer {token}"}
    reply = process.internal_app.test_client().get("/events/cases", headers=headers)
    assert reply.status_code == 404


def test_nginx_sends_every_request_to_the_service_that_takes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KLARITY_EVENT_STORE", "memory")
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))
    names = [service.id for service in services() if service.kind not in (SITE, MONITOR)]
    routes = routes_to(*names)
    taken = {name: requests_of(name, monkeypatch) for name in names}
    everywhere = set.intersection(*taken.values())
    strays = {
        request: name
        for name, requests in taken.items()
        for request in requests - everywhere
        if name != next((to for pattern, to in routes if re.search(pattern, request)), FALLBACK)
    }
    assert not strays, "add the paths to ROUTES of entrypoints/nginx.py"


def test_nginx_sends_pages_to_the_site(process: Process) -> None:
    pages = {
        f"{method} {re.sub('<[^>]+>', 'x', rule.rule)}"
        for rule in process.site.url_map.iter_rules()
        for method in rule.methods or ()
    }
    routes = routes_to(*(service.id for service in services()))
    strays = {page for page in pages for pattern, _ in routes if re.search(pattern, page)}
    assert not strays


def routes_to(*names: str) -> list[tuple[str, str]]:
    """The patterns of nginx, and the service that each leads to."""
    configuration = nginx_configuration({name: name for name in names}, resolver="127.0.0.11")
    return re.findall(r'"~(.+)" ([^$].*);', configuration)


def requests_of(service: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The requests, such as ``GET /v1/cases/x``, that a process of this service alone takes."""
    monkeypatch.setenv("KLARITY_SERVICES", service)
    process = Process(read_settings(), alone=False)
    taken = {
        f"{method} {re.sub('<[^>]+>', 'x', rule.rule)}"
        for rule in process.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"OPTIONS"}
    }
    process.close()
    return taken


def test_a_process_whose_store_is_away_is_not_ready() -> None:
    def away() -> None:
        raise ConnectionError("it is away, and where it is nobody needs to know")

    app = Flask("health")
    checks = {"store": away, "bus": lambda: None}
    app.register_blueprint(health_blueprint(checks, bytes, dict))
    reply: Any = app.test_client().get("/health/ready")
    assert (reply.status_code, reply.json) == (
        503,
        {
            "status": "not ready",
            "needs_newer_program": {},
            "checks": {"store": "ConnectionError", "bus": "ready"},
            "warnings": {},
        },
    )


def test_nginx_looks_up_names_at_its_start_or_at_a_name_server() -> None:
    addresses = {"command:members": "members:8000", "query:cases": "127.0.0.1:8002"}
    once = nginx_configuration(addresses)
    assert "upstream members-8000 { server members:8000; }" in once
    assert "default members-8000;" in once
    assert '" 127.0.0.1:8002;' in once
    again = nginx_configuration(addresses, resolver="127.0.0.11")
    assert "resolver 127.0.0.11 valid=10s;" in again
    assert "default members:8000;" in again
    assert "upstream" not in again
