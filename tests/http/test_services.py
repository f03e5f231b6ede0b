"""A process that serves some of the services alone."""

from typing import Any

import pytest
from flask import Flask
from prometheus_client import CollectorRegistry

from config.process import Process
from entrypoints.http.health import health_blueprint
from tests.http.conftest import Caller


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"SERVICES": "query:videos"}


def test_it_answers_for_its_own(anybody: Caller, operator: Caller) -> None:
    assert anybody("GET", "/v1/videos").json == {"items": []}
    assert operator("GET", "/health/ready").status_code == 200
    assert list(anybody("GET", "/openapi.json").json["paths"]) == ["/v1/videos", "/v1/instance"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/members"),
        ("POST", "/v1/cases"),
        ("GET", "/v1/cases"),
        ("GET", "/v1/rules"),
        ("GET", "/dispute/x"),
        ("GET", "/v1/moderation/queue"),
        ("POST", "/v1/uploads"),
    ],
)
def test_it_knows_nothing_of_others(anybody: Caller, method: str, path: str) -> None:
    body: Any = {} if method == "POST" else None
    assert anybody(method, path, body).status_code == 404


def test_it_owns_no_log(process: Process) -> None:
    token = process.container.keys().services
    headers: Any = {"Authorization": f"Bearer {token}"}
    reply = process.internal_app.test_client().get("/events/cases", headers=headers)
    assert reply.status_code == 404


def test_a_process_whose_store_is_away_is_not_ready() -> None:
    def away() -> None:
        raise ConnectionError("it is away, and where it is nobody needs to know")

    app = Flask("health")
    checks = {"store": away, "bus": lambda: None}
    app.register_blueprint(health_blueprint(checks, CollectorRegistry(), dict))
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
