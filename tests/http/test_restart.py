"""Answers after a restart, while read models in memory are rebuilt."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.process import Process
from config.settings import read_settings
from tests.http.conftest import Caller, eventually, problem
from tests.http.public_cases import publish

Start = Callable[[], AbstractContextManager[Process]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts a process on the same data, which nothing moves on by itself."""
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))
    monkeypatch.setenv("KLARITY_EVENT_STORE", "sqlite")

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    monkeypatch.setattr(root, "level", root.level)

    @contextmanager
    def start() -> Iterator[Process]:
        process = Process(read_settings())
        yield process
        process.close()

    return start


def test_a_case_known_before_the_restart_is_never_answered_as_missing(start: Start) -> None:
    with start() as process:
        case = publish(process, Caller(process.app.test_client()).join())
    with start() as process:
        anybody = Caller(process.app.test_client())
        for path in (f"/v1/cases/{case.case_id}", "/v1/cases", "/v1/cases.geojson?bbox=0,0,1,1"):
            reply = anybody("GET", path)
            assert problem(reply) == (503, "not-caught-up")
            assert int(reply.headers["Retry-After"]) > 0
        operator = Caller(process.internal_app.test_client())
        assert ready(operator) == (503, "NotCaughtUp")
        process.start()
        eventually(lambda: ready(operator) == (200, "ready") or None)
        assert anybody("GET", f"/v1/cases/{case.case_id}").status_code == 200
        assert operator("GET", "/health/ready").json["checks"]["query:members"] == "ready"


def ready(caller: Caller) -> tuple[int, Any]:
    """Whether the process is ready, and what is said of the read model of cases."""
    reply = caller("GET", "/health/ready")
    return reply.status_code, reply.json["checks"].get("query:cases")
