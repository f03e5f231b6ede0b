"""The terms of service as data. Every flag and every decision names one of these rules."""

from dataclasses import dataclass

from domain.decider import DomainError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``rule_id`` never changes: events store it."""

    rule_id: str
    title: str
    text: str


RULES = (
    Rule(
        rule_id="private-information",
        title="No private information",
        text="Do not publish where people live, their families, their health or their documents. "
        "What an official does in office is not private.",
    ),
    Rule(
        rule_id="falsehood",
        title="Nothing you know to be untrue",
        text="Tell what you saw or can show. An honest error is corrected; an invention is hidden.",
    ),
    Rule(
        rule_id="staged-evidence",
        title="No staged or altered evidence",
        text="Evidence shows what happened. What was staged, generated or cut to mislead is not "
        "evidence.",
    ),
    Rule(
        rule_id="threat",
        title="No threats and no calls to violence",
        text="Do not threaten anybody, and do not call for harm to anybody.",
    ),
    Rule(
        rule_id="hatred",
        title="No hatred",
        text="Judge what people do. Do not demean them for origin, faith, sex, disability or love.",
    ),
    Rule(
        rule_id="reporter-exposed",
        title="No unmasking of reporters",
        text="An anonymous reporter stays anonymous: do not guess, hint at or reveal who it is.",
    ),
    Rule(
        rule_id="impersonation",
        title="No false identities",
        text="Pseudonyms are welcome. Do not pose as somebody else.",
    ),
    Rule(
        rule_id="spam",
        title="No advertising and no repetition",
        text="Say a thing once, and do not sell anything.",
    ),
    Rule(
        rule_id="off-topic",
        title="Keep to the case",
        text="A case is about corruption, and a comment is about its case.",
    ),
)

_KNOWN = {rule.rule_id for rule in RULES}


def must_be_a_rule(rule_id: str) -> None:
    """Refuse an id that no rule has."""
    if rule_id not in _KNOWN:
        raise DomainError("unknown-rule", "No rule has this id; choose one from the list of rules.")
