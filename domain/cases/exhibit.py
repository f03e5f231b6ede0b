"""An exhibit: the record of one piece of evidence for the cases that cite it.

A case cites evidence before or after the evidence was verified or rejected. Whichever comes last
admits the evidence to the case, or refuses it with a reason.

Evidence is refused to a case if another member uploaded it, or if it backs too many cases. Evidence
of an anonymous case can back no other case, because that would reveal the author. Moderation can
withhold an exhibit from all its cases.
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
NOT_YOURS = "Another member uploaded this evidence, so you cannot use it. Upload your own copy."
TAKEN = (
    "Evidence of an anonymous case cannot back another case, nor the other way round. "
    "Upload another file for this case."
)
TOO_MANY_CASES = (
    f"This evidence backs {MOST_CITATIONS} cases already. Upload it again for this one."
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
    commitment: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectExhibit:
    """The evidence could not be made safe to show. ``reason`` says why, and what to do instead."""

    evidence_id: EvidenceId
    owner: MemberId
    reason: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithholdExhibit:
    """Hide the evidence in all its cases because it breaks a rule."""

    evidence_id: EvidenceId
    rule: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnExhibit:
    """Show evidence that was withheld again."""

    evidence_id: EvidenceId
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitFacts:
    """``anonymous`` says that the citing member has reported the case anonymously."""

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
    commitment: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitAdmitted:
    evidence_id: EvidenceId
    case_id: CaseId
    kind: MediaKind
    sha256: str
    commitment: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitRejected:
    evidence_id: EvidenceId
    owner: SealedMember
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitRefused:
    """The evidence can never back the case."""

    evidence_id: EvidenceId
    case_id: CaseId
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitWithheld:
    """``case_ids`` are the cases to which the exhibit was admitted."""

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
    """``admitted`` and ``refused`` are the cases that got an answer to their citation."""

    evidence_id: EvidenceId = EvidenceId("")
    cited: tuple[ExhibitCited, ...] = ()
    verified: ExhibitVerified | None = None
    rejected: ExhibitRejected | None = None
    admitted: tuple[CaseId, ...] = ()
    refused: frozenset[CaseId] = frozenset()
    withheld: bool = False

    @property
    def owner(self) -> MemberId | None:
        """The member who uploaded the evidence, once that is known."""
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
            return _withhold(command, state)
        case ReturnExhibit():
            return _return(command, state)
        case _:
            assert_never(command)


def evolve(state: Exhibit, event: ExhibitEvent) -> Exhibit:
    """Return the state after the event."""
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
    """Refuse a citation that the exhibit would never admit."""
    citations = [cited for cited in state.cited if cited.cited_by == by]
    cited_already = (case_id, by) in _cited_by(state)
    is_exclusive = anonymous or any(cited.anonymous for cited in citations)
    if state.owner not in (None, by):
        raise DomainError("not-own-evidence", NOT_YOURS)
    if state.rejected:
        raise DomainError("evidence-rejected", state.rejected.reason)
    if cited_already and case_id in state.refused:
        raise DomainError("evidence-taken", TAKEN)
    if citations and not cited_already and is_exclusive:
        raise DomainError("evidence-taken", TAKEN)
    if not cited_already and len(state.cited) >= MOST_CITATIONS:
        raise DomainError("too-many-citations", TOO_MANY_CASES)


def _cite(command: CiteExhibit, state: Exhibit, facts: ExhibitFacts) -> list[ExhibitEvent]:
    if (command.case_id, command.cited_by) in _cited_by(state):
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
    return [cited, *_answers_to_cases(evolve(state, cited), command.at)]


def _cited_by(state: Exhibit) -> set[tuple[CaseId, MemberId]]:
    """Return the cases that cite the exhibit, each with the member who cites it there."""
    return {(cited.case_id, cited.cited_by) for cited in state.cited}


def _verify(command: VerifyExhibit, state: Exhibit) -> list[ExhibitEvent]:
    if state.verified:
        return []
    verified = ExhibitVerified(
        evidence_id=command.evidence_id,
        owner=command.owner,
        kind=command.kind,
        sha256=command.sha256,
        commitment=command.commitment,
        at=command.at,
    )
    return [verified, *_answers_to_cases(evolve(state, verified), command.at)]


def _reject(command: RejectExhibit, state: Exhibit) -> list[ExhibitEvent]:
    if state.rejected:
        return []
    rejected = ExhibitRejected(
        evidence_id=command.evidence_id,
        owner=command.owner,
        reason=command.reason,
        at=command.at,
    )
    return [rejected, *_answers_to_cases(evolve(state, rejected), command.at)]


def _withhold(command: WithholdExhibit, state: Exhibit) -> list[ExhibitEvent]:
    if state.withheld:
        return []
    withheld = ExhibitWithheld(
        evidence_id=command.evidence_id,
        case_ids=state.admitted,
        rule=command.rule,
        at=command.at,
    )
    return [withheld]


def _return(command: ReturnExhibit, state: Exhibit) -> list[ExhibitEvent]:
    """Return the exhibit, and admit it to the cases that cited it while it was withheld."""
    if not state.withheld:
        return []
    returned = ExhibitReturned(
        evidence_id=command.evidence_id, case_ids=state.admitted, at=command.at
    )
    return [returned, *_answers_to_cases(evolve(state, returned), command.at)]


def _answers_to_cases(state: Exhibit, at: datetime) -> list[ExhibitEvent]:
    """Admit the exhibit to the cases that wait for an answer, or refuse it to them."""
    own = [citation.case_id for citation in state.cited if citation.cited_by == state.owner]
    others = [citation.case_id for citation in state.cited if citation.cited_by != state.owner]
    if state.rejected:
        to_own = _refused(state, own, state.rejected.reason, at)
    elif state.verified and not state.withheld:
        admitted = _admitted(state, state.verified, at)
        to_own = [*admitted, *_refused(reduce(evolve, admitted, state), own, TAKEN, at)]
    else:
        return []
    return [*to_own, *_refused(reduce(evolve, to_own, state), others, NOT_YOURS, at)]


def _admitted(state: Exhibit, verified: ExhibitVerified, at: datetime) -> list[ExhibitEvent]:
    """Admit the exhibit to the cases of its owner: to the first alone if one is anonymous."""
    own = [citation for citation in state.cited if citation.cited_by == state.owner]
    admissible = own[:1] if any(citation.anonymous for citation in own) else own
    return [
        ExhibitAdmitted(
            evidence_id=verified.evidence_id,
            case_id=citation.case_id,
            kind=verified.kind,
            sha256=verified.sha256,
            commitment=verified.commitment,
            at=at,
        )
        for citation in admissible
        if citation.case_id not in state.admitted
    ]


def _refused(
    state: Exhibit, cases: Sequence[CaseId], reason: str, at: datetime
) -> list[ExhibitEvent]:
    """Refuse the exhibit to those of the cases that wait for an answer."""
    return [
        ExhibitRefused(evidence_id=state.evidence_id, case_id=case_id, reason=reason, at=at)
        for case_id in dict.fromkeys(cases)
        if case_id not in state.admitted and case_id not in state.refused
    ]
