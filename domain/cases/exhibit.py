"""An exhibit: one piece of evidence as the cases that cite it see it.

Evidence may be verified or rejected before or after a case cites it; whichever comes last admits
it to the case, or refuses it with a reason. Only who uploaded evidence may back a case with it, and
so many cases at most. What backs an anonymous case backs no other, for it would tell whose that is.
Moderation may withhold an exhibit from all its cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import assert_never

from domain.actors import Actor
from domain.decider import Decider, DomainError, Informed
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId
from domain.personal import SealedMember

MOST_CITATIONS = 200
NOT_YOURS = "Only who uploaded a piece of evidence may back a case with it. Upload your own copy."
TAKEN = "What backs an anonymous case backs no other. Upload another file for this case."
TOO_MANY_CASES = (
    "This piece of evidence backs as many cases as it may. Upload it again for this one."
)

# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class CiteExhibit:
    evidence_id: EvidenceId
    case_id: CaseId
    cited_by: MemberId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyExhibit:
    evidence_id: EvidenceId
    owner: MemberId
    kind: MediaKind
    sha256: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectExhibit:
    """The evidence could not be made safe to show; ``reason`` says why, and what to do."""

    evidence_id: EvidenceId
    owner: MemberId
    reason: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithholdExhibit:
    evidence_id: EvidenceId
    rule: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnExhibit:
    evidence_id: EvidenceId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitFacts:
    """``anonymous`` says that the case is the citing member's own, and that they stay unnamed."""

    anonymous: bool


ExhibitCommand = (
    Informed[CiteExhibit, ExhibitFacts]
    | VerifyExhibit
    | RejectExhibit
    | WithholdExhibit
    | ReturnExhibit
)


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitCited:
    evidence_id: EvidenceId
    case_id: CaseId
    cited_by: SealedMember
    anonymous: bool = False
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitVerified:
    evidence_id: EvidenceId
    owner: SealedMember
    kind: MediaKind
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitAdmitted:
    evidence_id: EvidenceId
    case_id: CaseId
    kind: MediaKind
    sha256: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitRejected:
    evidence_id: EvidenceId
    owner: SealedMember
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitRefused:
    """The case that cites the exhibit will never be backed by it."""

    evidence_id: EvidenceId
    case_id: CaseId
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitWithheld:
    """``case_ids`` are the cases that it was admitted to."""

    evidence_id: EvidenceId
    case_ids: tuple[CaseId, ...]
    rule: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitReturned:
    evidence_id: EvidenceId
    case_ids: tuple[CaseId, ...]
    at: datetime


ExhibitEvent = (
    ExhibitCited
    | ExhibitVerified
    | ExhibitAdmitted
    | ExhibitWithheld
    | ExhibitReturned
    | ExhibitRejected
    | ExhibitRefused
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    evidence_id: EvidenceId = EvidenceId("")
    cited: tuple[ExhibitCited, ...] = ()
    verified: ExhibitVerified | None = None
    rejected: ExhibitRejected | None = None
    admitted: tuple[CaseId, ...] = ()
    refused: frozenset[CaseId] = frozenset()
    withheld: bool = False

    @property
    def owner(self) -> MemberId | None:
        """Who uploaded the evidence, once that is known."""
        known = self.verified or self.rejected
        return known.owner if known else None


def decide(command: ExhibitCommand, state: Exhibit) -> list[ExhibitEvent]:
    """The rules: which events a command leads to."""
    match command:
        case Informed(asked, facts):
            return _cite(asked, state, facts)
        case VerifyExhibit():
            return _verify(command, state)
        case RejectExhibit():
            return _reject(command, state)
        case WithholdExhibit():
            withheld = ExhibitWithheld(
                evidence_id=command.evidence_id,
                case_ids=state.admitted,
                rule=command.rule,
                at=command.at,
            )
            return [] if state.withheld else [withheld]
        case ReturnExhibit():
            return _return(command, state)
        case _:
            assert_never(command)


def evolve(state: Exhibit, event: ExhibitEvent) -> Exhibit:
    match event:
        case ExhibitCited():
            return replace(state, evidence_id=event.evidence_id, cited=(*state.cited, event))
        case ExhibitVerified():
            return replace(state, evidence_id=event.evidence_id, verified=event)
        case ExhibitRejected():
            return replace(state, evidence_id=event.evidence_id, rejected=event)
        case ExhibitAdmitted():
            return replace(state, admitted=(*state.admitted, event.case_id))
        case ExhibitRefused():
            return replace(state, refused=state.refused | {event.case_id})
        case ExhibitWithheld():
            return replace(state, withheld=True)
        case ExhibitReturned():
            return replace(state, withheld=False)
        case _:
            assert_never(event)


exhibit_decider: Decider[ExhibitCommand, Exhibit, ExhibitEvent] = Decider(
    category="exhibit", initial=Exhibit(), decide=decide, evolve=evolve
)


def must_be_citable(state: Exhibit, case_id: CaseId, by: MemberId, *, anonymous: bool) -> None:
    """Refuse a case that the exhibit would never be admitted to."""
    own = [cited for cited in state.cited if cited.cited_by == by]
    known = any(cited.case_id == case_id for cited in own)
    if state.owner not in (None, by):
        raise DomainError("not-own-evidence", NOT_YOURS)
    if state.rejected:
        raise DomainError("evidence-rejected", state.rejected.reason)
    if known and case_id in state.refused:
        raise DomainError("evidence-taken", TAKEN)
    if own and not known and (anonymous or any(cited.anonymous for cited in own)):
        raise DomainError("evidence-taken", TAKEN)
    if not known and len(state.cited) >= MOST_CITATIONS:
        raise DomainError("too-many-citations", TOO_MANY_CASES)


def _cite(command: CiteExhibit, state: Exhibit, facts: ExhibitFacts) -> list[ExhibitEvent]:
    if any(
        (cited.case_id, cited.cited_by) == (command.case_id, command.cited_by)
        for cited in state.cited
    ):
        return []
    if state.owner not in (None, command.cited_by):
        return _refused(state, [command.case_id], NOT_YOURS, command.at)
    if len(state.cited) >= MOST_CITATIONS:
        return _refused(state, [command.case_id], TOO_MANY_CASES, command.at)
    cited = ExhibitCited(
        evidence_id=command.evidence_id,
        case_id=command.case_id,
        cited_by=command.cited_by,
        anonymous=facts.anonymous,
        at=command.at,
    )
    return [cited, *_answers(evolve(state, cited), command.at)]


def _verify(command: VerifyExhibit, state: Exhibit) -> list[ExhibitEvent]:
    if state.verified:
        return []
    verified = ExhibitVerified(
        evidence_id=command.evidence_id,
        owner=command.owner,
        kind=command.kind,
        sha256=command.sha256,
        at=command.at,
    )
    return [verified, *_answers(evolve(state, verified), command.at)]


def _reject(command: RejectExhibit, state: Exhibit) -> list[ExhibitEvent]:
    if state.rejected:
        return []
    rejected = ExhibitRejected(
        evidence_id=command.evidence_id,
        owner=command.owner,
        reason=command.reason,
        at=command.at,
    )
    return [rejected, *_answers(evolve(state, rejected), command.at)]


def _return(command: ReturnExhibit, state: Exhibit) -> list[ExhibitEvent]:
    """What was cited meanwhile is admitted now."""
    if not state.withheld:
        return []
    returned = ExhibitReturned(
        evidence_id=command.evidence_id, case_ids=state.admitted, at=command.at
    )
    return [returned, *_answers(evolve(state, returned), command.at)]


def _answers(state: Exhibit, at: datetime) -> list[ExhibitEvent]:
    """Admit the exhibit to the cases that wait for it, or refuse it to them."""
    own = [citation for citation in state.cited if citation.cited_by == state.owner]
    others = [citation.case_id for citation in state.cited if citation not in own]
    if state.rejected:
        told = _refused(state, [c.case_id for c in own], state.rejected.reason, at)
        return [*told, *_refused(reduce(evolve, told, state), others, NOT_YOURS, at)]
    if not state.verified or state.withheld:
        return []
    admissible = own[:1] if any(citation.anonymous for citation in own) else own
    new = [citation for citation in admissible if citation.case_id not in state.admitted]
    admitted = _admitted(state.verified, new, at)
    state = reduce(evolve, admitted, state)
    taken = _refused(state, [c.case_id for c in own], TAKEN, at)
    return [*admitted, *taken, *_refused(reduce(evolve, taken, state), others, NOT_YOURS, at)]


def _admitted(
    verified: ExhibitVerified, citations: Sequence[ExhibitCited], at: datetime
) -> list[ExhibitEvent]:
    return [
        ExhibitAdmitted(
            evidence_id=verified.evidence_id,
            case_id=citation.case_id,
            kind=verified.kind,
            sha256=verified.sha256,
            at=at,
        )
        for citation in citations
    ]


def _refused(
    state: Exhibit, cases: Sequence[CaseId], reason: str, at: datetime
) -> list[ExhibitEvent]:
    """Refuse the exhibit to those of the cases that still wait for it."""
    return [
        ExhibitRefused(evidence_id=state.evidence_id, case_id=case_id, reason=reason, at=at)
        for case_id in dict.fromkeys(cases)
        if _waits(case_id, state)
    ]


def _waits(case_id: CaseId, state: Exhibit) -> bool:
    return case_id not in state.admitted and case_id not in state.refused
