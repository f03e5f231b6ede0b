"""The terms of service as data: what a flag or a decision may rest on."""

from dataclasses import dataclass

from domain.decider import DomainError


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``rule_id`` is stable: events name it."""

    rule_id: str
    title: str
    text: str


RULES = (
    Rule(
        rule_id="private-information",
        title="No private information",
        text="Do not publish where people live, their families, their health or their papers. "
        "What an official does in office is no private matter.",
    ),
    Rule(
        rule_id="falsehood",
        title="Nothing you know to be untrue",
        text="Tell what you saw or can show. An honest error is corrected, an invention is hidden.",
    ),
    Rule(
        rule_id="staged-evidence",
        title="No staged or altered evidence",
        text="Evidence shows what happened. What was staged, cut to mislead or generated is not "
        "evidence.",
    ),
    Rule(
        rule_id="threat",
        title="No threats and no calls to violence",
        text="Nobody is threatened here, and nobody is called upon to harm anybody.",
    ),
    Rule(
        rule_id="hatred",
        title="No hatred",
        text="Judge deeds. Nobody is demeaned for origin, faith, sex, disability or love.",
    ),
    Rule(
        rule_id="reporter-exposed",
        title="No unmasking of reporters",
        text="Who reported anonymously stays anonymous: do not guess, hint or reveal.",
    ),
    Rule(
        rule_id="impersonation",
        title="Nobody poses as somebody else",
        text="Pseudonyms are welcome, false identities are not.",
    ),
    Rule(
        rule_id="spam",
        title="No advertising and no repetition",
        text="Say a thing once, and sell nothing.",
    ),
    Rule(
        rule_id="off-topic",
        title="Keep to the case",
        text="A case is about corruption, and a comment is about its case.",
    ),
)

_KNOWN = {rule.rule_id for rule in RULES}


def must_be_a_rule(rule_id: str) -> None:
    """Raises DomainError for what is not among the rules."""
    if rule_id not in _KNOWN:
        raise DomainError("unknown-rule", "There is no such rule: GET /v1/rules lists them.")
