"""The metrics keep to the conventions of Prometheus, and tell of nobody."""

import re

from prometheus_client.parser import text_string_to_metric_families

from tests.observability.conftest import promtool

MEASURED = {
    "klarity_commit_duration_seconds_count",
    "klarity_events_behind",
    "klarity_http_request_duration_seconds_count",
    "klarity_leading",
    "klarity_lease_changes_total",
    "klarity_oldest_unhandled_event_age_seconds",
    "klarity_parked_events",
    "klarity_process_up",
    "klarity_projection_duration_seconds_count",
    "klarity_publish_duration_seconds_count",
    "klarity_reaction_duration_seconds_count",
    "klarity_slow_waiting",
    "process_cpu_seconds_total",
}
LABELS = {
    "event", "kind", "lane", "le", "log", "method", "name", "policy", "process", "query", "reason",
    "route", "status", "topic", "way",
}  # fmt: skip
"""Each has few values, which the program names: none comes from a request."""
HAS_AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{16}")


def test_promtool_has_nothing_to_say_about_them(metrics: str) -> None:
    assert promtool("check", "metrics", given=metrics) == ""


def test_everything_is_measured(names: frozenset[str]) -> None:
    assert names >= MEASURED


def test_no_label_has_a_value_of_a_request(metrics: str) -> None:
    families = text_string_to_metric_families(metrics)
    samples = [sample for family in families for sample in family.samples]
    assert {label for sample in samples for label in sample.labels} <= LABELS
    values = {value for sample in samples for value in sample.labels.values()}
    assert not [value for value in values if HAS_AN_ID.search(value) or "nothing-here" in value]


def test_requests_are_measured_by_the_template_of_their_route(metrics: str) -> None:
    counted = [line for line in metrics.splitlines() if "request_duration_seconds_count" in line]
    assert any('method="POST"' in line and 'route="/v1/cases"' in line for line in counted)
    assert any('route="none",status="4xx"' in line for line in counted)


def test_what_members_do_for_themselves_is_one_route(metrics: str) -> None:
    """The time of one sign-in or erasure could tell who it was."""
    assert 'route="/v1/sessions' not in metrics
    assert 'count{method="any",' in metrics
