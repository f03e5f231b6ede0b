"""Security events of requests: refused sign-ins in bulk, and exports."""

import logging

import pytest

from application.security import ACTS_A_LINE
from config.process import Process
from tests.http.conftest import Caller

WRONG = {"pseudonym": "Nobody here", "passphrase": "wrong wrong wrong"}


def recorded(caplog: pytest.LogCaptureFixture, name: str) -> list[logging.LogRecord]:
    return [line for line in caplog.records if line.getMessage() == name]


def test_refused_sign_ins_are_recorded_in_bulk(
    anybody: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(ACTS_A_LINE - 1):
        assert anybody("POST", "/v1/sessions", WRONG).status_code == 401
    assert recorded(caplog, "SignInsRefused") == []
    assert anybody("POST", "/v1/sessions", WRONG).status_code == 401
    (line,) = recorded(caplog, "SignInsRefused")
    assert vars(line)["number"] == ACTS_A_LINE


def test_exports_are_recorded_and_counted(
    process: Process, anybody: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("csv", "geojson"):
        assert anybody("GET", f"/v1/cases.{name}").status_code == 200
    exported = [vars(line)["format"] for line in recorded(caplog, "CasesExported")]
    assert exported == ["csv", "geojson"]
    metrics = process.internal_app.test_client().get("/metrics").text
    assert 'klarity_security_events_total{event="CasesExported"} 2.0' in metrics
    assert 'klarity_security_events_total{event="AccountsErased"} 0.0' in metrics
