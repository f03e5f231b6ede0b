"""An exhibit: one piece of evidence as the cases that cite it see it.

Evidence may be verified before or after a case cites it; whichever comes last admits it.
Only who uploaded evidence may back a case with it, and so many cases at most. What backs an
anonymous case backs no other, for it would tell whose that is. Moderation may withhold an exhibit
from all its cases.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from domain.decider import Decider, DomainError
from domain.ids import Actor, CaseId, EvidenceId, MediaKind, MemberId, SealedMember

MOST_CITATIONS = 200

# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class CiteExhibit:
    evidence_id: EvidenceId
    case_id: CaseId
    cited_by: MemberId
    anonymous: bool
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


ExhibitCommand = CiteExhibit | VerifyExhibit | WithholdExhibit | ReturnExhibit


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


ExhibitEvent = ExhibitCited | ExhibitVerified | ExhibitAdmitted | ExhibitWithheld | ExhibitReturned


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    cited: tuple[ExhibitCited, ...] = ()
    verified: ExhibitVerified | None = None
    admitted: tuple[CaseId, ...] = ()
    withheld: bool = False


def decide(command: ExhibitCommand, state: Exhibit) -> list[ExhibitEvent]:
    """The rules: which events a command leads to."""
    match command:
        case CiteExhibit():
            return _cite(command, state)
        case VerifyExhibit():
            return _verify(command, state)
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
            return replace(state, cited=(*state.cited, event))
        case ExhibitVerified():
            return replace(state, verified=event)
        case ExhibitAdmitted():
            return replace(state, admitted=(*state.admitted, event.case_id))
        case ExhibitWithheld():
            return replace(state, withheld=True)
        case ExhibitReturned():
            return replace(state, withheld=False)
        case _:
            assert_never(event)


exhibit_decider: Decider[ExhibitCommand, Exhibit, ExhibitEvent] = Decider(
    category="exhibit", initial=Exhibit(), decide=decide, evolve=evolve
)


def must_be_free(state: Exhibit, case_id: CaseId, by: MemberId, *, anonymous: bool) -> None:
    """Refuse a case that the exhibit would never be admitted to, since it backs another."""
    own = [cited for cited in state.cited if cited.cited_by == by]
    known = any(cited.case_id == case_id for cited in own)
    if own and not known and (anonymous or any(cited.anonymous for cited in own)):
        raise DomainError("evidence-taken", "What backs an anonymous case backs no other.")


def _cite(command: CiteExhibit, state: Exhibit) -> list[ExhibitEvent]:
    known = any(
        (cited.case_id, cited.cited_by) == (command.case_id, command.cited_by)
        for cited in state.cited
    )
    anothers = state.verified is not None and command.cited_by != state.verified.owner
    if known or anothers or len(state.cited) >= MOST_CITATIONS:
        return []
    cited = ExhibitCited(
        evidence_id=command.evidence_id,
        case_id=command.case_id,
        cited_by=command.cited_by,
        anonymous=command.anonymous,
        at=command.at,
    )
    return [cited, *_admitted(evolve(state, cited), command.at)]


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
    return [verified, *_admitted(evolve(state, verified), command.at)]


def _return(command: ReturnExhibit, state: Exhibit) -> list[ExhibitEvent]:
    """What was cited meanwhile is admitted now."""
    if not state.withheld:
        return []
    returned = ExhibitReturned(
        evidence_id=command.evidence_id, case_ids=state.admitted, at=command.at
    )
    return [returned, *_admitted(evolve(state, returned), command.at)]


def _admitted(state: Exhibit, at: datetime) -> list[ExhibitAdmitted]:
    """To the cases that have waited for it."""
    if not state.verified or state.withheld:
        return []
    return [
        ExhibitAdmitted(
            evidence_id=state.verified.evidence_id,
            case_id=citation.case_id,
            kind=state.verified.kind,
            sha256=state.verified.sha256,
            at=at,
        )
        for citation in _admissible(state.cited, state.verified.owner)
        if citation.case_id not in state.admitted
    ]


def _admissible(cited: tuple[ExhibitCited, ...], owner: MemberId) -> tuple[ExhibitCited, ...]:
    own = tuple(citation for citation in cited if citation.cited_by == owner)
    return own[:1] if any(citation.anonymous for citation in own) else own
