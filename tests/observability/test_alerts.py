"""The alert rules are valid, raise when they should, and use metrics that there are."""

import re
from pathlib import Path

from tests.observability.conftest import RULES, names_in, promtool

TESTS = Path(__file__).with_name("klarity.rules.test.yml")
ALERT = re.compile(r"- alert: (\w+)")
EXPRESSION = re.compile(r"expr: (.+)")


def test_the_rules_are_valid() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(RULES))


def test_the_alerts_are_raised_when_they_should_be() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(TESTS))


def test_every_alert_is_tested_and_explained() -> None:
    alerts = set(ALERT.findall(RULES.read_text()))
    assert alerts == set(re.findall(r"alertname: (\w+)", TESTS.read_text()))
    assert alerts == set(re.findall(r"`(Klarity\w+)`", Path("docs/operations.md").read_text()))


def test_the_rules_use_metrics_that_there_are(names: frozenset[str]) -> None:
    used = names_in(EXPRESSION.findall(RULES.read_text()))
    assert used
    assert used <= names
