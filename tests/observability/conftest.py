"""A running server, and what Prometheus reads of it."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import wait_until
from tests.system.deployment import Klarity, one_process, relaxed
from tests.system.phone import Phone

PROMTOOL = "promtool"
RULES = Path("deploy/prometheus/klarity.rules.yml")
PATIENCE = 300.0


def promtool(*arguments: str, given: str = "") -> str:
    """What promtool says. It has to be content."""
    if not shutil.which(PROMTOOL):
        pytest.fail("promtool is missing: scripts/install-debian prometheus", pytrace=False)
    done = subprocess.run(
        [PROMTOOL, *arguments], input=given, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture(scope="session")
def klarity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Klarity]:
    """A server that has reported, projected and reacted."""
    with one_process(tmp_path_factory.mktemp("klarity"), **relaxed()) as klarity:
        with Phone(klarity.url) as phone:
            phone.join()
            phone.report()
            phone.get("/v1/nothing-here")
        yield klarity


@pytest.fixture(scope="session")
def metrics(klarity: Klarity) -> str:
    """What the server tells once a policy has reacted."""
    read = f"{klarity.internal_url}/metrics"
    assert wait_until(
        lambda: "klarity_reaction_duration_seconds_count{" in requests.get(read, timeout=60).text,
        PATIENCE,
    )
    return requests.get(read, timeout=60).text


@pytest.fixture(scope="session")
def names(metrics: str) -> frozenset[str]:
    """The names of all that the server tells."""
    families = list(text_string_to_metric_families(metrics))
    samples = {sample.name for family in families for sample in family.samples}
    announced = {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE")}
    return frozenset(samples | announced)


def names_in(expressions: Sequence[str]) -> set[str]:
    """The names of metrics in the expressions."""
    words = {word for each in expressions for word in _words(each)}
    return {word for word in words if word.startswith(("klarity_", "process_"))}


def _words(expression: str) -> set[str]:
    return set("".join(c if c.isalnum() or c == "_" else " " for c in expression).split())
