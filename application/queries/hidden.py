"""What moderation hides, by which rule and why, for the members who wrote it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from application.engine.rows import Rows
from application.ports.read_models import Side, Tables
from domain.moderation.decision import ReasonGiven, ReasonRedacted
from domain.moderation.subject import SubjectHidden, SubjectRestored, subject_key

HidingEvent = SubjectHidden | SubjectRestored | ReasonGiven | ReasonRedacted


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """By which rule something is hidden, by which decision and why.

    Without a decision, flags hide it until a moderator decides: the author can answer them.
    Against a decision, the author can appeal.
    """

    rule: str
    decision_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenSubject:
    """A subject that is hidden. Its reason is kept apart, because it can be taken back."""

    rule: str
    decision_id: str
    reason_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenReason:
    text: str


HIDING = (Side(HiddenSubject), Side(GivenReason))


def remember_hiding(rows: Rows[Any], event: HidingEvent) -> None:
    subjects, reasons = rows.table(HiddenSubject), rows.table(GivenReason)
    match event:
        case SubjectHidden(rule=rule, decision_id=decision_id, reason_id=reason_id):
            row = HiddenSubject(rule=rule, decision_id=decision_id, reason_id=reason_id)
            subjects.put(subject_key(event.subject_kind, event.subject_id), row)
        case SubjectRestored():
            subjects.delete(subject_key(event.subject_kind, event.subject_id))
        case ReasonGiven():
            reasons.put(event.reason_id, GivenReason(text=event.reason))
        case ReasonRedacted():
            reasons.delete(event.reason_id)


def hidden_among(tables: Tables[Any], keys: Iterable[str]) -> Mapping[str, Hidden]:
    """Return those of the subjects that are hidden, by the keys of the subjects."""
    found = tables.side(HiddenSubject).get(tuple(keys))
    reasons = tables.side(GivenReason).get([row.reason_id for row in found.values()])
    return {
        key: Hidden(
            rule=row.rule,
            decision_id=row.decision_id or None,
            reason=reasons[row.reason_id].text if row.reason_id in reasons else None,
        )
        for key, row in found.items()
    }
