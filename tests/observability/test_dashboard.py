"""The dashboard is one that Grafana reads, and each of its expressions has an answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.observability.conftest import PATIENCE, names_in
from tests.observability.prometheus import Prometheus
from tests.servers import wait_until
from tests.system.deployment import Klarity

FILE = Path("deploy/grafana/klarity.json")
DASHBOARD: dict[str, Any] = json.loads(FILE.read_text())


def expressions() -> list[str]:
    """The expressions of all panels, as Grafana sends them."""
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return [each.replace("$__rate_interval", "1m").replace("$job", "klarity") for each in found]


@pytest.fixture(scope="module")
def prometheus(klarity: Klarity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has read the server, with our rules."""
    target = f"127.0.0.1:{klarity.internal_port}"
    with Prometheus(tmp_path_factory.mktemp("prometheus"), target).running() as prometheus:
        assert wait_until(lambda: bool(prometheus.ask("count(klarity_leading)")), PATIENCE)
        yield prometheus


def test_grafana_knows_every_field_of_it() -> None:
    """What its own library reads and writes again is the file."""
    known = JSONEncoder(indent=2, sort_keys=True).encode(Dashboard.from_json(DASHBOARD))
    assert known + "\n" == FILE.read_text()


def test_every_panel_has_a_place_of_its_own() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_it_uses_metrics_that_there_are(names: frozenset[str]) -> None:
    used = names_in(expressions())
    assert used
    assert used <= names


@pytest.mark.parametrize("expression", expressions())
def test_prometheus_answers_each_expression(prometheus: Prometheus, expression: str) -> None:
    prometheus.ask(expression)


def test_prometheus_loads_the_rules_and_raises_no_alert_of_a_sound_server(
    prometheus: Prometheus,
) -> None:
    groups = requests.get(f"{prometheus.url}/api/v1/rules", timeout=60).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    assert prometheus.ask('ALERTS{alertstate="firing"}') == []
