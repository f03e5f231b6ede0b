"""A case: one person's story, public as soon as one piece of its evidence is verified."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from domain.actors import Actor
from domain.cases.case_commands import (
    AcceptEvidence,
    AddParty,
    AmendCase,
    AttachEvidence,
    CaseCommand,
    ForgetMember,
    HideCase,
    LocateCase,
    RefuseEvidence,
    ReportCase,
    RestoreCase,
    RetractEvidence,
    RetractLocation,
    ReturnEvidence,
    SystemCommand,
    TagCase,
    UntagCase,
    WithdrawCase,
    WithholdEvidence,
)
from domain.cases.case_details import (
    MOST_CHANGES,
    MOST_CHANGES_BY_OTHERS,
    MOST_CHANGES_EACH,
    MOST_EVIDENCE,
    MOST_TAGS,
    CaseDetails,
    CaseStatus,
    ConcealedReason,
    UnpublishedReason,
)
from domain.cases.case_events import (
    CaseAmended,
    CaseErased,
    CaseEvent,
    CaseEvidenceEvent,
    CaseHidden,
    CaseLocated,
    CasePublished,
    CaseReported,
    CaseRestored,
    CaseStatusEvent,
    CaseTagged,
    CaseUnpublished,
    CaseUntagged,
    CaseWithdrawn,
    ContributionErased,
    EvidenceAccepted,
    EvidenceAttached,
    EvidenceConcealed,
    EvidenceRefused,
    EvidenceRetracted,
    EvidenceReturned,
    EvidenceShown,
    EvidenceWithheld,
    LocationRetracted,
    LocationReturned,
    PartyAdded,
    Publication,
)
from domain.cases.place import NOWHERE, Location, Places, rounded, said_at_first
from domain.decider import Decider, DomainError, must_be_system, with_publication
from domain.ids import CaseId, EvidenceId, MemberId, PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    tag: str
    by: MemberId
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of evidence in the case, and what has become of it."""

    by: MemberId
    accepted: EvidenceAccepted | None = None
    refused: bool = False
    withheld: bool = False
    retracted: bool = False
    erased: bool = False

    @property
    def stands(self) -> bool:
        return not (self.refused or self.retracted or self.erased)

    @property
    def waits(self) -> bool:
        """Whether it is still to be accepted or refused."""
        return self.stands and self.accepted is None

    @property
    def is_shown(self) -> bool:
        """Whether it can be seen by all who can see the case."""
        return self.stands and self.accepted is not None and not self.withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Places, tags, parties and evidence are kept with their contributors.

    ``tagged`` holds the tags by number. ``changes`` counts what each member did to the case,
    moderators aside.
    """

    case_id: CaseId = CaseId("")
    author: MemberId = MemberId("")
    details: CaseDetails = CaseDetails(title="", story="")
    places: Places = NOWHERE
    tagged: Mapping[int, Tagged] = field(default_factory=dict)
    evidence: Mapping[EvidenceId, Piece] = field(default_factory=dict)
    parties: Mapping[PartyId, MemberId] = field(default_factory=dict)
    changes: Mapping[MemberId, int] = field(default_factory=dict)
    anonymous: bool = False
    hidden: bool = False
    withdrawn: bool = False
    erased: bool = False
    published_at: datetime | None = None

    @property
    def status(self) -> CaseStatus | None:
        """None where no case was reported."""
        if self.erased:
            return CaseStatus.ERASED
        if self.withdrawn:
            return CaseStatus.WITHDRAWN
        if self.hidden:
            return CaseStatus.HIDDEN
        if self.shown:
            return CaseStatus.PUBLISHED
        return CaseStatus.AWAITING_EVIDENCE if self.case_id else None

    @property
    def is_public(self) -> bool:
        return self.status is CaseStatus.PUBLISHED

    @property
    def location(self) -> Location | None:
        """Where it happened, as it was said last."""
        return self.places.current

    @property
    def tags(self) -> Mapping[str, int]:
        """The numbers of the tags that the case has, by their texts."""
        return {each.tag: number for number, each in self.tagged.items() if not each.gone}

    @property
    def shown(self) -> Mapping[EvidenceId, EvidenceAccepted]:
        """The evidence that can be seen by all who can see the case."""
        return {
            item: piece.accepted
            for item, piece in self.evidence.items()
            if piece.accepted and piece.is_shown
        }


def publication(before: Case, after: Case, at: datetime) -> list[Publication]:
    """What everybody can see after a change that they could not see before, and the reverse."""
    seen, seen_before = _seen_by_all(after), _seen_by_all(before)
    shown = [_shown(accepted, at) for item, accepted in seen.items() if item not in seen_before]
    concealed = [_concealed(after, item, at) for item in seen_before if item not in seen]
    if after.is_public and not before.is_public:
        return [*concealed, *shown, _published(after, at)]
    if before.is_public and not after.is_public:
        return [*concealed, *shown, _unpublished(after, at)]
    return [*concealed, *shown]


def _decide(command: CaseCommand, state: Case) -> list[CaseEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case ReportCase():
            return _report(command, state)
        case AttachEvidence():
            return _attach_evidence(command, state)
        case AmendCase():
            return _amend(command, state)
        case LocateCase():
            return _locate(command, state)
        case TagCase():
            return _tag(command, state)
        case UntagCase():
            return _untag(command, state)
        case AddParty():
            return _add_party(command, state)
        case RetractLocation():
            return _retract_location(command, state)
        case RetractEvidence():
            return _retract_evidence(command, state)
        case WithdrawCase():
            return _withdraw(command, state)
        case _:
            must_be_system(command.by, "Only the system may do this.")
            return _decide_for_system(command, state)


def _decide_for_system(command: SystemCommand, state: Case) -> list[CaseEvent]:
    """What other contexts found or decided. It is repeated, and comes late, without harm."""
    if isinstance(command, ForgetMember):
        return _forget_member(command, state)
    if _is_over(state):
        return []
    match command:
        case AcceptEvidence():
            return _accept_evidence(command, state)
        case RefuseEvidence():
            return _refuse_evidence(command, state)
        case HideCase():
            return _hide(command, state)
        case RestoreCase():
            restored = CaseRestored(case_id=state.case_id, at=command.at)
            return [restored] if state.hidden else []
        case WithholdEvidence():
            return _withhold(command, state)
        case ReturnEvidence():
            return _return(command, state)
        case _:
            assert_never(command)


def evolve(state: Case, event: CaseEvent) -> Case:
    return _evolve(_counted(state, event), event)


def _counted(state: Case, event: CaseEvent) -> Case:
    match event:
        case (
            CaseAmended(by=by, role=role)
            | CaseLocated(by=by, role=role)
            | CaseTagged(by=by, role=role)
            | EvidenceAttached(by=by, role=role)
            | PartyAdded(by=by, role=role)
        ) if role != "moderator":
            return replace(state, changes={**state.changes, by: state.changes.get(by, 0) + 1})
        case _:
            return state


def _evolve(state: Case, event: CaseEvent) -> Case:
    match event:
        case CaseReported():
            return _reported(event)
        case CaseAmended():
            return replace(state, details=event.details)
        case CaseLocated():
            places = state.places.with_(event.number, event.location, event.by)
            return replace(state, places=places)
        case LocationRetracted():
            return replace(state, places=state.places.without(event.number))
        case LocationReturned():
            return state
        case CaseTagged():
            tagged = Tagged(tag=event.tag, by=event.by)
            return replace(state, tagged={**state.tagged, event.number: tagged})
        case CaseUntagged():
            return replace(state, tagged=_without_tags(state, (event.number,)))
        case PartyAdded():
            return replace(state, parties={**state.parties, event.party_id: event.by})
        case ContributionErased():
            return _without_contribution(state, event)
        case CaseHidden() | CaseRestored() | CaseWithdrawn() | CaseErased():
            return _evolve_status(state, event)
        case CasePublished() | CaseUnpublished() | EvidenceShown() | EvidenceConcealed():
            return _evolve_publication(state, event)
        case _:
            return _evolve_evidence(state, event)


def _evolve_status(state: Case, event: CaseStatusEvent) -> Case:
    match event:
        case CaseHidden():
            return replace(state, hidden=True)
        case CaseRestored():
            return replace(state, hidden=False)
        case CaseWithdrawn():
            return replace(state, withdrawn=True)
        case CaseErased():
            return replace(state, erased=True)
        case _:
            assert_never(event)


def _evolve_publication(state: Case, event: Publication) -> Case:
    """What is public follows from the rest of the state; only since when must be remembered."""
    match event:
        case CasePublished():
            return replace(state, published_at=event.published_at)
        case CaseUnpublished(reason=UnpublishedReason.NO_EVIDENCE):
            return replace(state, published_at=None)
        case _:
            return state


def _evolve_evidence(state: Case, event: CaseEvidenceEvent) -> Case:
    piece = state.evidence.get(event.evidence_id, Piece(by=MemberId("")))
    match event:
        case EvidenceAttached():
            piece = Piece(by=event.by)
        case EvidenceAccepted():
            piece = replace(piece, accepted=event)
        case EvidenceRefused():
            piece = replace(piece, refused=True)
        case EvidenceRetracted():
            piece = replace(piece, retracted=True)
        case EvidenceWithheld():
            piece = replace(piece, withheld=True)
        case EvidenceReturned():
            piece = replace(piece, withheld=False)
        case _:
            assert_never(event)
    return replace(state, evidence={**state.evidence, event.evidence_id: piece})


def _without_contribution(state: Case, event: ContributionErased) -> Case:
    erased = {item: replace(state.evidence[item], erased=True) for item in event.evidence}
    nobody = dict.fromkeys(event.parties, MemberId(""))
    return replace(
        state,
        evidence={**state.evidence, **erased},
        parties={**state.parties, **nobody},
        tagged=_without_tags(state, event.tags),
        places=state.places.with_erased(event.places),
    )


def _without_tags(state: Case, numbers: Iterable[int]) -> Mapping[int, Tagged]:
    gone = {number: replace(state.tagged[number], gone=True) for number in numbers}
    return {**state.tagged, **gone}


def role_in(state: Case, by: Actor) -> str:
    """In which role somebody changes the case: author, moderator or contributor.

    Everybody contributes to what they may see; raises DomainError where they may not.
    """
    _must_be_open_to(state, by)
    if by.member_id == state.author:
        return "author"
    return "moderator" if by.moderates else "contributor"


def can_be_seen(state: Case, by: Actor) -> bool:
    """Whether they may see it: everybody a public case, its author and moderators any other."""
    if state.status in (None, CaseStatus.ERASED):
        return False
    return state.is_public or by.member_id == state.author or by.moderates


decide = with_publication(_decide, evolve, publication)

case_decider: Decider[CaseCommand, Case, CaseEvent] = Decider(
    category="case", initial=Case(), decide=decide, evolve=evolve
)


def _report(command: ReportCase, state: Case) -> list[CaseEvent]:
    if state.status:
        raise DomainError("already-reported", "A case with this id has been reported already.")
    reported = CaseReported(
        case_id=command.case_id,
        author=command.by.member_id,
        # Sealed or not, nobody needs it: the size of what is sealed would tell of it.
        author_name="" if command.anonymous else command.by.pseudonym,
        details=command.details,
        location=command.location and rounded(command.location),
        tags=tuple(dict.fromkeys(command.tags)),
        evidence=tuple(dict.fromkeys(command.evidence)),
        anonymous=command.anonymous,
        at=command.at,
    )
    return [reported]


def _reported(event: CaseReported) -> Case:
    tagged = (Tagged(tag=tag, by=event.author) for tag in event.tags)
    return Case(
        case_id=event.case_id,
        author=event.author,
        details=event.details,
        places=said_at_first(event.location, event.author),
        tagged=dict(enumerate(tagged)),
        evidence=dict.fromkeys(event.evidence, Piece(by=event.author)),
        anonymous=event.anonymous,
    )


def _attach_evidence(command: AttachEvidence, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if role != "author" and not state.is_public:
        raise DomainError("forbidden", "Only the author may back a case that is not public.")
    standing = [item for item, piece in state.evidence.items() if piece.stands]
    new = [item for item in dict.fromkeys(command.evidence) if item not in standing]
    if any(item in state.evidence and state.evidence[item].retracted for item in new):
        raise DomainError("evidence-retracted", "Some of this evidence was retracted before.")
    if len(standing) + len(new) > MOST_EVIDENCE:
        raise DomainError("too-much-evidence", f"A case takes {MOST_EVIDENCE} pieces of evidence.")
    _must_have_room(state, role, command.by, len(new))
    return [
        EvidenceAttached(
            case_id=state.case_id,
            evidence_id=item,
            by=command.by.member_id,
            role=role,
            at=command.at,
        )
        for item in new
    ]


def _accept_evidence(command: AcceptEvidence, state: Case) -> list[CaseEvent]:
    piece = state.evidence.get(command.evidence_id)
    if not piece or not piece.waits or _would_publish_for_its_author(piece, state):
        return []
    accepted = EvidenceAccepted(
        case_id=state.case_id,
        evidence_id=command.evidence_id,
        contributor=piece.by,
        kind=command.kind,
        sha256=command.sha256,
        at=command.at,
    )
    return [accepted]


def _refuse_evidence(command: RefuseEvidence, state: Case) -> list[CaseEvent]:
    piece = state.evidence.get(command.evidence_id)
    if not piece or not piece.waits:
        return []
    refused = EvidenceRefused(
        case_id=state.case_id,
        evidence_id=command.evidence_id,
        contributor=piece.by,
        reason=command.reason,
        at=command.at,
    )
    return [refused]


def _would_publish_for_its_author(piece: Piece, state: Case) -> bool:
    """Only the author publishes a case that was never public, or that they took out of public."""
    return state.status is CaseStatus.AWAITING_EVIDENCE and piece.by != state.author


def _seen_by_all(state: Case) -> Mapping[EvidenceId, EvidenceAccepted]:
    """The evidence that everybody can see."""
    return state.shown if state.is_public else {}


def _shown(accepted: EvidenceAccepted, at: datetime) -> EvidenceShown:
    return EvidenceShown(
        case_id=accepted.case_id,
        evidence_id=accepted.evidence_id,
        kind=accepted.kind,
        sha256=accepted.sha256,
        accepted_at=accepted.at,
        at=at,
    )


def _concealed(state: Case, item: EvidenceId, at: datetime) -> EvidenceConcealed:
    piece = state.evidence[item]
    reason = ConcealedReason.CASE_UNPUBLISHED
    if piece.withheld:
        reason = ConcealedReason.WITHHELD
    if piece.retracted:
        reason = ConcealedReason.RETRACTED
    if piece.erased or state.erased:
        reason = ConcealedReason.ERASED
    return EvidenceConcealed(case_id=state.case_id, evidence_id=item, reason=reason, at=at)


def _published(state: Case, at: datetime) -> CasePublished:
    return CasePublished(
        case_id=state.case_id,
        author=state.author,
        anonymous=state.anonymous,
        details=state.details,
        published_at=state.published_at or at,
        at=at,
    )


def _unpublished(state: Case, at: datetime) -> CaseUnpublished:
    reason = UnpublishedReason.NO_EVIDENCE
    if state.hidden:
        reason = UnpublishedReason.HIDDEN
    if state.withdrawn:
        reason = UnpublishedReason.WITHDRAWN
    if state.erased:
        reason = UnpublishedReason.ERASED
    return CaseUnpublished(case_id=state.case_id, reason=reason, at=at)


def _amend(command: AmendCase, state: Case) -> list[CaseEvent]:
    _must_be_author(state, command.by)
    details = replace(state.details, **command.changes)
    if details == state.details:
        return []
    _must_have_room(state, "author", command.by)
    amended = CaseAmended(
        case_id=state.case_id,
        details=details,
        by=command.by.member_id,
        at=command.at,
    )
    return [amended]


def _locate(command: LocateCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    location = rounded(command.location)
    if location == state.location:
        return []
    _must_have_room(state, role, command.by)
    located = CaseLocated(
        case_id=state.case_id,
        number=state.places.next,
        location=location,
        by=command.by.member_id,
        role=role,
        at=command.at,
    )
    return [located]


def _tag(command: TagCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if command.tag in state.tags:
        return []
    if len(state.tags) >= MOST_TAGS:
        raise DomainError("too-many-tags", f"A case takes {MOST_TAGS} tags.")
    _must_have_room(state, role, command.by)
    tagged = CaseTagged(
        case_id=state.case_id,
        number=len(state.tagged),
        tag=command.tag,
        by=command.by.member_id,
        role=role,
        at=command.at,
    )
    return [tagged]


def _untag(command: UntagCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    number = state.tags.get(command.tag)
    if number is None:
        return []
    _must_be_theirs(state.tagged[number].by, role, command.by)
    return [CaseUntagged(case_id=state.case_id, number=number, role=role, at=command.at)]


def _add_party(command: AddParty, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if command.party_id in state.parties:
        return []
    if command.named:
        raise DomainError("already-named", "A party with this id has been named already.")
    if any(not _stands(state, item) for item in command.evidence):
        raise DomainError("not-found", "The case has no such evidence.")
    _must_have_room(state, role, command.by)
    added = PartyAdded(
        case_id=state.case_id,
        party_id=command.party_id,
        by=command.by.member_id,
        role=role,
        at=command.at,
    )
    return [added]


def _withdraw(command: WithdrawCase, state: Case) -> list[CaseEvent]:
    if state.status is CaseStatus.WITHDRAWN and command.by.member_id == state.author:
        return []
    _must_be_author(state, command.by)
    return [CaseWithdrawn(case_id=state.case_id, at=command.at)]


def _retract_location(command: RetractLocation, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    last = state.places.last
    if last is None:
        return []
    _must_be_theirs(last.by, role, command.by)
    numbers = state.places.with_last
    retracted = [
        LocationRetracted(case_id=state.case_id, number=number, role=role, at=command.at)
        for number in numbers
    ]
    return [*retracted, *_returned(state.places.without(*numbers), state, command.at)]


def _returned(places: Places, state: Case, at: datetime) -> list[CaseEvent]:
    """The place that stands after a retraction, if any does."""
    if places.last is None or places.last.location is None:
        return []
    location, by = places.last.location, places.last.by
    return [LocationReturned(case_id=state.case_id, location=location, by=by, at=at)]


def _retract_evidence(command: RetractEvidence, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    item = command.evidence_id
    if item in state.evidence and state.evidence[item].retracted:
        return []
    if not _stands(state, item):
        raise DomainError("not-found", "The case has no such evidence.")
    _must_be_theirs_or_the_authors(state.evidence[item].by, role, command.by)
    return [EvidenceRetracted(case_id=state.case_id, evidence_id=item, role=role, at=command.at)]


def _hide(command: HideCase, state: Case) -> list[CaseEvent]:
    hidden = CaseHidden(case_id=state.case_id, rule=command.rule, role=command.role, at=command.at)
    return [] if state.hidden else [hidden]


def _forget_member(command: ForgetMember, state: Case) -> list[CaseEvent]:
    if state.erased:
        return []
    if command.member_id == state.author:
        return [CaseErased(case_id=state.case_id, at=command.at)]
    erased = _contribution_of(command.member_id, state, command.at)
    empty = ContributionErased(case_id=state.case_id, at=command.at)
    return [] if erased == empty else [erased]


def _contribution_of(member_id: MemberId, state: Case, at: datetime) -> ContributionErased:
    """What a member contributed and has not taken back; a refusal stays, and tells of a file."""
    return ContributionErased(
        case_id=state.case_id,
        evidence=tuple(
            item
            for item, piece in state.evidence.items()
            if piece.by == member_id and not (piece.retracted or piece.erased)
        ),
        parties=tuple(party for party, by in state.parties.items() if by == member_id),
        tags=tuple(
            number for number, tag in state.tagged.items() if tag.by == member_id and not tag.gone
        ),
        places=tuple(
            place.number
            for place in state.places.said
            if place.by == member_id and not (place.retracted or place.erased)
        ),
        place_unknown=_said_last(member_id, state.places),
        at=at,
    )


def _said_last(member_id: MemberId, places: Places) -> bool:
    return places.last is not None and places.last.by == member_id and not places.last.erased


def _withhold(command: WithholdEvidence, state: Case) -> list[CaseEvent]:
    item = command.evidence_id
    if item not in state.shown:
        return []
    withheld = EvidenceWithheld(
        case_id=state.case_id, evidence_id=item, rule=command.rule, at=command.at
    )
    return [withheld]


def _return(command: ReturnEvidence, state: Case) -> list[CaseEvent]:
    piece = state.evidence.get(command.evidence_id)
    if piece is None or not piece.stands or not piece.withheld:
        return []
    return [EvidenceReturned(case_id=state.case_id, evidence_id=command.evidence_id, at=command.at)]


def _must_be_theirs(contributor: MemberId, role: str, by: Actor) -> None:
    if role == "contributor" and by.member_id != contributor:
        raise DomainError("forbidden", "Only who contributed this, or the author, may do this.")


def _must_have_room(state: Case, role: str, by: Actor, changes: int = 1) -> None:
    """A case takes so many changes and no more; moderators can always set it right."""
    own = state.changes.get(by.member_id, 0) + changes
    others = sum(state.changes.values()) - state.changes.get(state.author, 0) + changes
    full = {
        "author": own > MOST_CHANGES,
        "contributor": own > MOST_CHANGES_EACH or others > MOST_CHANGES_BY_OTHERS,
        "moderator": False,
    }
    if full[role]:
        raise DomainError("too-many-changes", "The case takes no more changes of yours.")


def _must_be_theirs_or_the_authors(contributor: MemberId, role: str, by: Actor) -> None:
    """Moderators decide on evidence, by a rule and with a reason; they do not retract it."""
    if role != "author" and by.member_id != contributor:
        raise DomainError("forbidden", "Only who contributed this, or the author, may do this.")


def _must_be_author(state: Case, by: Actor) -> None:
    _must_be_open_to(state, by)
    if by.member_id != state.author:
        raise DomainError("forbidden", "Only the author may do this.")


def _must_be_open_to(state: Case, by: Actor) -> None:
    """A case that somebody may not see does not exist for them."""
    if state.status is CaseStatus.ERASED:
        raise DomainError("erased", "This case was erased.")
    if not can_be_seen(state, by):
        raise DomainError("not-found", "There is no such case.")
    if state.status is CaseStatus.WITHDRAWN:
        raise DomainError("withdrawn", "This case was withdrawn.")


def _stands(state: Case, item: EvidenceId) -> bool:
    return item in state.evidence and state.evidence[item].stands


def _is_over(state: Case) -> bool:
    return state.status in (None, CaseStatus.WITHDRAWN, CaseStatus.ERASED)
