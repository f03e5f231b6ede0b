"""What did moderation do, by which rule, in which role, and why?"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from application.engine.derived_ids import derived_id
from application.engine.filters import equal
from application.engine.query_service import PrivateText, QueryService
from application.engine.rows import Rows, in_log_order
from application.ports.read_models import Find, by, by_range
from domain.members.member import (
    MemberErased,
    MemberReinstated,
    MemberSuspended,
    SuspensionAppealed,
    SuspensionUpheld,
)
from domain.moderation.decision import (
    AppealResolved,
    DecisionAppealed,
    DecisionMade,
    Outcome,
    ReasonGiven,
    ReasonRedacted,
)
from domain.moderation.subject import (
    AppealSetAside,
    DecisionSetAside,
    SubjectHidden,
    SubjectKind,
    Verdict,
)


class Deed(StrEnum):
    HIDDEN_BY_FLAGS = "hidden_by_flags"
    DECIDED = "decided"
    APPEALED = "appealed"
    APPEAL_RESOLVED = "appeal_resolved"
    DECISION_SET_ASIDE = "decision_set_aside"
    APPEAL_SET_ASIDE = "appeal_set_aside"
    REASON_REMOVED = "reason_removed"
    SUSPENDED = "suspended"
    SUSPENSION_APPEALED = "suspension_appealed"
    SUSPENSION_UPHELD = "suspension_upheld"
    REINSTATED = "reinstated"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One deed of moderation, with the role of the actor and never a name.

    ``reason_removed`` says that a moderator removed the reason, for example because it named
    somebody.
    ``waits`` says of an appeal that it waits for another moderator than the one who decided.
    """

    entry_id: str
    what: Deed
    subject_kind: SubjectKind
    subject_id: str
    decision_id: str | None = None
    verdict: Verdict | None = None
    outcome: Outcome | None = None
    rule: str | None = None
    reason: str | None = None
    reason_removed: bool = False
    waits: bool = False
    role: str
    at: datetime
    reason_id: PrivateText = ""
    place: PrivateText = ""


OfSuspension = (
    MemberSuspended | SuspensionAppealed | SuspensionUpheld | MemberReinstated | MemberErased
)
Projected = (
    SubjectHidden
    | DecisionMade
    | ReasonGiven
    | ReasonRedacted
    | DecisionAppealed
    | AppealResolved
    | DecisionSetAside
    | AppealSetAside
    | OfSuspension
)


class ModerationLedger(QueryService[LedgerEntry]):
    """What did moderation do, by which rule, in which role, and why?"""

    name, version = "moderation-ledger", 3
    document, key, path = LedgerEntry, "entry_id", "/moderation/ledger"
    indexes = (
        *(by_range("place"), by("subject_kind"), by("subject_id"), by("rule")),
        *(by("decision_id"), by("reason_id"), by("waits")),
    )

    def project(self, event: Projected, rows: Rows[LedgerEntry]) -> None:
        match event:
            case SubjectHidden(role="system"):
                _enter(rows, event, Deed.HIDDEN_BY_FLAGS, rule=event.rule)
            case DecisionMade():
                _enter(
                    rows,
                    event,
                    Deed.DECIDED,
                    verdict=event.verdict,
                    rule=event.rule,
                    reason_id=event.reason_id,
                )
            case ReasonGiven(reason_id=key, reason=reason):
                rows.change_where("reason_id", key, lambda row: replace(row, reason=reason))
            case ReasonRedacted(reason_id=key):
                rows.change_where("reason_id", key, _without_reason)
                _enter(rows, event, Deed.REASON_REMOVED)
            case DecisionAppealed():
                _enter(rows, event, Deed.APPEALED, waits=True)
            case AppealResolved():
                _wait_no_longer(rows, "decision_id", event.decision_id, Deed.APPEALED)
                _enter(
                    rows,
                    event,
                    Deed.APPEAL_RESOLVED,
                    verdict=event.verdict,
                    outcome=event.outcome,
                    rule=event.rule,
                    reason_id=event.reason_id,
                )
            case DecisionSetAside():
                _enter(rows, event, Deed.DECISION_SET_ASIDE)
            case AppealSetAside():
                _wait_no_longer(rows, "decision_id", event.decision_id, Deed.APPEALED)
                _enter(rows, event, Deed.APPEAL_SET_ASIDE)
            case SubjectHidden():
                pass
            case _:
                _project_suspension(event, rows)

    def ask(
        self,
        *,
        kind: SubjectKind | None = None,
        subject: str | None = None,
        decision: str | None = None,
        rule: str | None = None,
        waits: bool | None = None,
    ) -> Find:
        """All that moderation did, the newest first; appeals that wait for another moderator."""
        where = equal(
            subject_kind=kind, subject_id=subject, decision_id=decision, rule=rule, waits=waits
        )
        return Find(where=where, order_by="place")


Judged = (
    SubjectHidden
    | DecisionMade
    | ReasonRedacted
    | DecisionAppealed
    | AppealResolved
    | DecisionSetAside
    | AppealSetAside
)


def _enter(rows: Rows[LedgerEntry], event: Judged, what: Deed, **more: object) -> None:
    key = derived_id(what, event.decision_id or event.subject_id, str(rows.version))
    entry = LedgerEntry(
        entry_id=key,
        what=what,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        decision_id=event.decision_id or None,
        role=event.role,
        at=event.at,
        place=in_log_order(rows, event.at),
        **more,  # type: ignore[arg-type]  # named by callers
    )
    rows.put(key, entry)


def _without_reason(entry: LedgerEntry) -> LedgerEntry:
    return replace(entry, reason=None, reason_removed=True)


def _project_suspension(event: OfSuspension, rows: Rows[LedgerEntry]) -> None:
    match event:
        case MemberSuspended():
            _enter_suspension(rows, event, Deed.SUSPENDED)
        case SuspensionAppealed():
            _enter_suspension(rows, event, Deed.SUSPENSION_APPEALED, waits=True, role="author")
        case SuspensionUpheld():
            _settle_suspension(rows, event)
            _enter_suspension(rows, event, Deed.SUSPENSION_UPHELD)
        case MemberReinstated():
            _settle_suspension(rows, event)
            _enter_suspension(rows, event, Deed.REINSTATED)
        case MemberErased():
            _forget_appeals(rows, event)


def _enter_suspension(
    rows: Rows[LedgerEntry],
    event: OfSuspension,
    what: Deed,
    *,
    role: str = "moderator",
    waits: bool = False,
) -> None:
    """Enter a suspension, an appeal or its end. Reasons are for the member and moderators only."""
    key = derived_id(what, event.member_id, str(rows.version))
    entry = LedgerEntry(
        entry_id=key,
        what=what,
        subject_kind=SubjectKind.MEMBER,
        subject_id=event.member_id,
        at=event.at,
        place=in_log_order(rows, event.at),
        role=role,
        waits=waits,
    )
    rows.put(key, entry)


def _settle_suspension(rows: Rows[LedgerEntry], event: OfSuspension) -> None:
    _wait_no_longer(rows, "subject_id", event.member_id, Deed.SUSPENSION_APPEALED)


def _wait_no_longer(rows: Rows[LedgerEntry], field: str, value: str, what: Deed) -> None:
    rows.change_where(
        field, value, lambda row: replace(row, waits=False) if row.what is what else row
    )


def _forget_appeals(rows: Rows[LedgerEntry], event: MemberErased) -> None:
    """Delete what only the erased member did."""
    for key in rows.keys_where("subject_id", event.member_id):
        row = rows.get(key)
        if row and row.what is Deed.SUSPENSION_APPEALED:
            rows.delete(key)
