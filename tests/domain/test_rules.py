"""The terms of service as data."""

from domain.moderation.rules import RULES, must_be_a_rule
from tests.world import refused


def test_every_rule_has_a_title_and_a_text_and_an_unknown_rule_is_refused() -> None:
    for rule in RULES:
        must_be_a_rule(rule.rule_id)
        assert rule.title
        assert rule.text
    with refused("unknown-rule"):
        must_be_a_rule("dislike")
