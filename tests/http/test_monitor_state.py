"""The overview of the monitor over HTTP."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from application.ports.rebuilds import Phase, RebuildState
from application.queries.notifications import Notifications
from application.use_cases.operations.overview import Overview
from config.settings import SettingsError, read_settings, split_addresses
from config.sources import parity_of
from entrypoints.http.internal import create_internal_app
from entrypoints.http.problems import register_problems
from entrypoints.monitor.state import state_blueprint
from tests.http.conftest import Caller
from tests.world import START

PATH = "/monitor/state.json"


def test_a_process_that_serves_the_monitor_serves_its_state(operator: Caller) -> None:
    reply = operator("GET", PATH)
    assert reply.json["verdict"]["level"] == "unknown"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        ("", {}, 200),
        ("secret", {}, 401),
        ("secret", {"Authorization": "Bearer other"}, 401),
        ("secret", {"Authorization": "Bearer secret"}, 200),
    ],
)
def test_a_token_is_needed_where_others_reach_it(
    token: str, headers: Mapping[str, str], status: int
) -> None:
    app = Flask("monitor")
    register_problems(app)
    app.register_blueprint(state_blueprint(lambda: Overview(at=START), token))
    assert app.test_client().get(PATH, headers=headers).status_code == status


@pytest.mark.parametrize("path", [PATH, "/metrics", "/health/live"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "rebound.example:9000"}, 421),
        ({"Host": "127.0.0.1.rebound.example"}, 421),
        ({"Host": "["}, 421),
        ({"Host": "rebound.example:9000", "Authorization": "Bearer x"}, 421),
        ({"Host": "localhost:9000"}, 200),
    ],
)
def test_a_page_of_another_site_reads_nothing_on_an_address_of_this_machine(
    operator: Caller, path: str, headers: dict[str, str], status: int
) -> None:
    assert operator("GET", path, headers=headers).status_code == status


def test_an_address_that_others_reach_answers_to_any_name() -> None:
    app = internal_app(loopback=False)
    assert app.test_client().get(PATH, headers={"Host": "klarity.internal"}).status_code == 200


def test_a_service_with_the_token_may_use_any_name() -> None:
    headers = {"Host": "members.internal", "Authorization": "Bearer token"}
    assert internal_app(loopback=True).test_client().get(PATH, headers=headers).status_code == 200


def internal_app(*, loopback: bool) -> Flask:
    state = state_blueprint(lambda: Overview(at=START), "")
    return create_internal_app([state], "token", loopback=loopback)


def test_the_addresses_for_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_ALERT_WEBHOOK", "https://a.example/x, https://b.example")
    assert split_addresses(read_settings().alert_webhook) == (
        "https://a.example/x",
        "https://b.example",
    )
    monkeypatch.setenv("KLARITY_ALERT_WEBHOOK", "https://a.example/x,secret")
    with pytest.raises(SettingsError, match="KLARITY_ALERT_WEBHOOK") as error:
        read_settings()
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("name", ["KLARITY_ALERT_WEBHOOK", "KLARITY_ALERT_WEBHOOK_FILE"])
def test_an_address_for_alerts_that_would_never_be_called_is_refused_at_the_start(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = "https://a.example, http://127.0.0.1/secret"
    file = tmp_path / "alert_webhook"
    file.write_text(urls)
    monkeypatch.setenv(name, str(file) if name.endswith("_FILE") else urls)
    with pytest.raises(SettingsError, match=r"KLARITY_ALERT_WEBHOOK: .*https://") as error:
        read_settings()
    assert "secret" not in str(error.value)
    monkeypatch.setenv("KLARITY_WEBHOOKS_INSECURE", "true")
    assert read_settings().alert_webhook == urls


@pytest.mark.parametrize(
    ("state", "differences"),
    [
        (RebuildState(), None),
        (RebuildState(phase=Phase.COMPARING, told_at=START, was_compared=True, different=2), None),
        (RebuildState(phase=Phase.COMPARED, told_at=START, was_compared=False), None),
        (RebuildState(phase=Phase.COMPARED, told_at=START, was_compared=True, different=2), 2),
        (RebuildState(phase=Phase.HELD, told_at=START, was_compared=True), 0),
        (RebuildState(phase=Phase.CANCELLED, told_at=START, was_compared=True, different=2), 2),
        (RebuildState(phase=Phase.SWAPPED, told_at=START, was_compared=True, different=2), None),
        (RebuildState(phase=Phase.ROLLED_BACK, told_at=START, was_compared=True, different=2), 2),
    ],
)
def test_the_last_comparison_counts_for_the_build_that_serves(
    state: RebuildState, differences: int | None
) -> None:
    rebuilds: Any = SimpleNamespace(state=lambda _: state)
    found = parity_of(rebuilds, Notifications())
    assert (found.differences if found else None) == differences
    assert found is None or found.by_order
