"""A case: the story of one person, public as soon as it accepts a piece of evidence.

Its details, commands and events are in ``case_details``, ``case_commands`` and ``case_events``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from domain.actors import Actor, ContributorRole
from domain.cases.case_commands import (
    AcceptContribution,
    AcceptEvidence,
    AddParty,
    AmendCase,
    AttachEvidence,
    CaseCommand,
    CaseFacts,
    DeclineContribution,
    ForgetMember,
    HideCase,
    LocateCase,
    RefuseEvidence,
    ReleaseCase,
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
    MOST_EVIDENCE_EACH,
    MOST_EVIDENCE_OF_OTHERS,
    MOST_PROPOSALS_EACH,
    MOST_TAGS,
    CaseDetails,
    CaseStatus,
    CaseUnpublishedReason,
    EvidenceConcealedReason,
)
from domain.cases.case_events import (
    CaseAmended,
    CaseErased,
    CaseEvent,
    CaseEvidenceEvent,
    CaseHeld,
    CaseHidden,
    CaseLocated,
    CasePublished,
    CaseReleased,
    CaseReported,
    CaseRestored,
    CaseStatusEvent,
    CaseTagged,
    CaseUnpublished,
    CaseUntagged,
    CaseWithdrawn,
    ContributionAccepted,
    ContributionDeclined,
    ContributionErased,
    ContributionProposed,
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
    ProposalEvent,
    Publication,
)
from domain.cases.place import NOWHERE, Location, Places, first_places, rounded
from domain.cases.proposals import NO_PROPOSALS, Proposal, Proposals
from domain.decider import Decider, DomainError, Informed, must_be_system, with_publication
from domain.ids import CaseId, EvidenceId, MemberId, PartyId
from domain.times import DAY, HOUR, NEVER, told

FULL = (
    f"Others than its author back this case with {MOST_EVIDENCE_OF_OTHERS} pieces of evidence "
    "already. Ask the author to retract one, and upload yours again."
)

# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A tag that a member added. ``removed`` says that the case no longer has it."""

    tag: str
    by: MemberId
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of evidence that ``by`` attached to the case."""

    by: MemberId
    accepted: EvidenceAccepted | None = None
    refused: bool = False
    withheld: bool = False
    retracted: bool = False
    erased: bool = False

    @property
    def is_attached(self) -> bool:
        """Whether the case still has it: it is neither refused, retracted nor erased."""
        return not (self.refused or self.retracted or self.erased)

    @property
    def is_undecided(self) -> bool:
        """Whether it is neither accepted nor refused yet."""
        return self.is_attached and self.accepted is None

    @property
    def is_shown(self) -> bool:
        """Whether everybody who can see the case can see it, too."""
        return self.is_attached and self.accepted is not None and not self.withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The state of a case, with the contributors of places, tags, parties and evidence.

    ``tagged`` holds the tags by their numbers. ``changes`` counts the changes by each member;
    changes by moderators do not count. ``published_at`` is when the case became public.

    A ``delayed`` case is public only once it was ``released``, after ``delay``. ``held_until`` is
    when it is due, once it has evidence.
    """

    case_id: CaseId = CaseId("")
    author: MemberId = MemberId("")
    details: CaseDetails = CaseDetails(title="", story="")
    places: Places = NOWHERE
    tagged: Mapping[int, Tagged] = field(default_factory=dict)
    proposals: Proposals = NO_PROPOSALS
    evidence: Mapping[EvidenceId, Piece] = field(default_factory=dict)
    parties: Mapping[PartyId, MemberId] = field(default_factory=dict)
    changes: Mapping[MemberId, int] = field(default_factory=dict)
    anonymous: bool = False
    delayed: bool = False
    publish_within: timedelta = timedelta(0)
    delay: timedelta = timedelta(0)
    held_until: datetime | None = None
    released: bool = False
    hidden: bool = False
    withdrawn: bool = False
    erased: bool = False
    published_at: datetime | None = None

    @property
    def status(self) -> CaseStatus | None:
        """None if no case with this id was reported."""
        if self.erased:
            return CaseStatus.ERASED
        if self.withdrawn:
            return CaseStatus.WITHDRAWN
        if self.hidden:
            return CaseStatus.HIDDEN
        if self.shown_evidence:
            return CaseStatus.AWAITING_PUBLICATION if self.is_delayed else CaseStatus.PUBLISHED
        return CaseStatus.AWAITING_EVIDENCE if self.case_id else None

    @property
    def is_public(self) -> bool:
        return self.status is CaseStatus.PUBLISHED

    @property
    def is_delayed(self) -> bool:
        """Whether its first publication is still to be delayed."""
        return self.delayed and not self.released

    @property
    def due_by(self) -> datetime | None:
        """When it is published at the latest, if it awaits publication."""
        if self.held_until is None or self.status is not CaseStatus.AWAITING_PUBLICATION:
            return None
        return self.held_until - self.delay + self.publish_within

    @property
    def location(self) -> Location | None:
        """Where it happened, if that is known."""
        return self.places.current

    @property
    def tags(self) -> Mapping[str, int]:
        """The tags that the case has, with their numbers."""
        return {each.tag: number for number, each in self.tagged.items() if not each.removed}

    @property
    def shown_evidence(self) -> Mapping[EvidenceId, EvidenceAccepted]:
        """The evidence that everybody who can see the case can see, too."""
        return {
            item: piece.accepted
            for item, piece in self.evidence.items()
            if piece.accepted and piece.is_shown
        }


# What an actor can see of the case, and everybody


def role_in(state: Case, by: Actor) -> ContributorRole:
    """Return the role in which the actor changes the case: author, moderator or contributor.

    Every member may contribute to a case that they can see. Raises DomainError for any other case.
    """
    _must_be_open_to(state, by)
    if by.member_id == state.author:
        return ContributorRole.AUTHOR
    return ContributorRole.MODERATOR if by.moderates else ContributorRole.CONTRIBUTOR


def can_be_seen(state: Case, by: Actor) -> bool:
    """Return whether the actor can see the case.

    Everybody can see a public case; its author and moderators can also see one that is not public.
    """
    if state.status in (None, CaseStatus.ERASED):
        return False
    return state.is_public or by.member_id == state.author or by.moderates


def publication(before: Case, after: Case, at: datetime) -> list[Publication]:
    """Return the events that say what everybody can see from now on, or no longer."""
    public, public_before = _public_evidence(after), _public_evidence(before)
    shown = [_shown(each, at) for item, each in public.items() if item not in public_before]
    concealed = [_concealed(after, item, at) for item in public_before if item not in public]
    if _begins_to_wait(before, after):
        return [_held(before, after, at)]
    if after.is_public and not before.is_public:
        return [*concealed, *shown, _published(after, at)]
    if before.is_public and not after.is_public:
        return [*concealed, *shown, _unpublished(after, at)]
    return [*concealed, *shown]


def _begins_to_wait(before: Case, after: Case) -> bool:
    waiting = CaseStatus.AWAITING_PUBLICATION
    return after.status is waiting and before.status is not waiting


def _held(before: Case, after: Case, at: datetime) -> CaseHeld:
    """Return the event that says until when the case waits. While it is hidden, time goes on."""
    until = after.held_until if before.hidden else None
    return CaseHeld(
        case_id=after.case_id, author=after.author, until=until or at + after.delay, at=at
    )


def _public_evidence(state: Case) -> Mapping[EvidenceId, EvidenceAccepted]:
    """Return the evidence that everybody can see."""
    return state.shown_evidence if state.is_public else {}


def _shown(accepted: EvidenceAccepted, at: datetime) -> EvidenceShown:
    return EvidenceShown(
        case_id=accepted.case_id,
        evidence_id=accepted.evidence_id,
        kind=accepted.kind,
        sha256=accepted.sha256,
        commitment=accepted.commitment,
        accepted_at=told(accepted.at) or at,
        at=at,
    )


def _concealed(state: Case, item: EvidenceId, at: datetime) -> EvidenceConcealed:
    piece = state.evidence[item]
    reason = EvidenceConcealedReason.CASE_UNPUBLISHED
    if piece.withheld:
        reason = EvidenceConcealedReason.WITHHELD
    if piece.retracted:
        reason = EvidenceConcealedReason.RETRACTED
    if piece.erased or state.erased:
        reason = EvidenceConcealedReason.ERASED
    return EvidenceConcealed(case_id=state.case_id, evidence_id=item, reason=reason, at=at)


def _published(state: Case, at: datetime) -> CasePublished:
    return CasePublished(
        case_id=state.case_id,
        author=state.author,
        anonymous=state.anonymous,
        details=state.details,
        published_at=state.published_at or at,
        is_restored=state.published_at is not None,
        at=at,
    )


def _unpublished(state: Case, at: datetime) -> CaseUnpublished:
    reason = CaseUnpublishedReason.NO_EVIDENCE
    if state.hidden:
        reason = CaseUnpublishedReason.HIDDEN
    if state.withdrawn:
        reason = CaseUnpublishedReason.WITHDRAWN
    if state.erased:
        reason = CaseUnpublishedReason.ERASED
    return CaseUnpublished(case_id=state.case_id, reason=reason, at=at)


# The decider


def _decide(command: CaseCommand, state: Case) -> list[CaseEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    match command:
        case Informed(asked, facts):
            return _decide_with_facts(asked, state, facts)
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
        case AcceptContribution():
            return _accept_contribution(command, state)
        case DeclineContribution():
            return _decline_contribution(command, state)
        case RetractLocation():
            return _retract_location(command, state)
        case RetractEvidence():
            return _retract_evidence(command, state)
        case WithdrawCase():
            return _withdraw(command, state)
        case _:
            must_be_system(command.by, "Only moderation and evidence processing may do this.")
            return _decide_for_system(command, state)


def _decide_with_facts(
    command: ReportCase | AddParty, state: Case, facts: CaseFacts
) -> list[CaseEvent]:
    match command:
        case ReportCase():
            return _report(command, state, facts)
        case AddParty():
            return _add_party(command, state, facts)
        case _:
            assert_never(command)


def _decide_for_system(command: SystemCommand, state: Case) -> list[CaseEvent]:
    """Decide a command that follows from another context. One that comes late has no effect."""
    if isinstance(command, ForgetMember):
        return _forget_member(command, state)
    if _is_closed(state):
        return []
    match command:
        case AcceptEvidence():
            return _accept_evidence(command, state)
        case RefuseEvidence():
            return _refuse_evidence(command, state)
        case ReleaseCase():
            return _release(command, state)
        case HideCase():
            return _hide(command, state)
        case RestoreCase():
            return _restore(command, state)
        case WithholdEvidence():
            return _withhold(command, state)
        case ReturnEvidence():
            return _return(command, state)
        case _:
            assert_never(command)


def evolve(state: Case, event: CaseEvent) -> Case:
    """Return the state after the event."""
    return _evolve(_with_change_counted(state, event), event)


def _with_change_counted(state: Case, event: CaseEvent) -> Case:
    """Count the event if it is one of the changes whose number is limited.

    A contribution counts when it is proposed, and not again when it is accepted.
    """
    match event:
        case (
            CaseAmended(by=by)
            | CaseLocated(by=by, role=ContributorRole.AUTHOR)
            | CaseTagged(by=by, role=ContributorRole.AUTHOR)
            | ContributionProposed(by=by)
            | EvidenceAttached(by=by, role=ContributorRole.AUTHOR | ContributorRole.CONTRIBUTOR)
            | PartyAdded(by=by, role=ContributorRole.AUTHOR | ContributorRole.CONTRIBUTOR)
        ):
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
            places = state.places.with_added(event.number, event.location, event.by)
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
        case ContributionProposed() | ContributionAccepted() | ContributionDeclined():
            return replace(state, proposals=_proposals_after(state.proposals, event))
        case PartyAdded():
            return replace(state, parties={**state.parties, event.party_id: event.by})
        case ContributionErased():
            return _without_contribution(state, event)
        case CaseReleased() | CaseHidden() | CaseRestored() | CaseWithdrawn() | CaseErased():
            return _evolve_status(state, event)
        case (
            CaseHeld() | CasePublished() | CaseUnpublished() | EvidenceShown() | EvidenceConcealed()
        ):
            return _evolve_publication(state, event)
        case _:
            return _evolve_evidence(state, event)


def _proposals_after(proposals: Proposals, event: ProposalEvent) -> Proposals:
    match event:
        case ContributionProposed():
            proposal = Proposal(tag=event.tag, location=event.location, by=event.by)
            return proposals.with_added(event.number, proposal)
        case ContributionAccepted() | ContributionDeclined():
            return proposals.without((event.number,))
        case _:
            assert_never(event)


def _reported(event: CaseReported) -> Case:
    tagged = (Tagged(tag=tag, by=event.author) for tag in event.tags)
    return Case(
        case_id=event.case_id,
        author=event.author,
        details=event.details,
        places=first_places(event.location, event.author),
        tagged=dict(enumerate(tagged)),
        evidence=dict.fromkeys(event.evidence, Piece(by=event.author)),
        anonymous=event.anonymous,
        delayed=event.delayed,
        publish_within=timedelta(hours=event.publish_within or 0),
        delay=timedelta(seconds=event.delay or 0),
    )


def _evolve_status(state: Case, event: CaseStatusEvent) -> Case:
    match event:
        case CaseReleased():
            return replace(state, released=True)
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
    """Record when the case became public. Whether it is public follows from the rest of the state.

    A case that lost all its evidence is published as a new one when it accepts evidence again.
    """
    match event:
        case CaseHeld():
            return replace(state, held_until=event.until)
        case CasePublished():
            return replace(state, published_at=event.published_at)
        case CaseUnpublished(reason=CaseUnpublishedReason.NO_EVIDENCE):
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
    without_contributor = dict.fromkeys(event.parties, MemberId(""))
    return replace(
        state,
        evidence={**state.evidence, **erased},
        parties={**state.parties, **without_contributor},
        tagged=_without_tags(state, event.tags),
        places=state.places.with_erased(event.places),
        proposals=state.proposals.without(event.proposals),
    )


def _without_tags(state: Case, numbers: Iterable[int]) -> Mapping[int, Tagged]:
    removed = {number: replace(state.tagged[number], removed=True) for number in numbers}
    return {**state.tagged, **removed}


decide = with_publication(_decide, evolve, publication)


def _grain(state: Case) -> timedelta:
    """Before a delayed publication, no time is told: any of them would narrow the delay down."""
    if state.is_delayed:
        return NEVER
    return DAY if state.anonymous else HOUR


case_decider: Decider[CaseCommand, Case, CaseEvent] = Decider(
    category="case", initial=Case(), decide=decide, evolve=evolve, grain=_grain
)


# Commands of members


def _report(command: ReportCase, state: Case, facts: CaseFacts) -> list[CaseEvent]:
    if state.status:
        raise DomainError(
            "already-reported", "A case with this id has been reported already; use another id."
        )
    if command.publish_within and not command.anonymous:
        raise DomainError(
            "delay-needs-anonymity",
            "Only an anonymous case is published later; report it anonymously, or leave out "
            "publish_within.",
        )
    evidence = tuple(dict.fromkeys(command.evidence))
    reported = CaseReported(
        case_id=command.case_id,
        author=command.by.member_id,
        # Not even sealed: the size of the sealed fields would reveal the length of the pseudonym.
        author_name="" if command.anonymous else command.by.pseudonym,
        details=command.details,
        location=command.location and rounded(command.location),
        tags=tuple(dict.fromkeys(command.tags)),
        evidence=evidence,
        owners=tuple(command.owners[item] for item in evidence if command.owners),
        anonymous=command.anonymous,
        delayed=command.publish_within is not None,
        publish_within=command.publish_within,
        delay=command.publish_within and int(facts.delay.total_seconds()),
        at=command.at,
    )
    return [reported]


def _attach_evidence(command: AttachEvidence, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if role is not ContributorRole.AUTHOR and not state.is_public:
        raise DomainError(
            "forbidden", "Only the author may attach evidence while the case is not public."
        )
    new = [item for item in dict.fromkeys(command.evidence) if not _has(state, item)]
    _must_be_attachable(state, role, command.by, new)
    _must_be_within_limits(state, role, command.by, len(new))
    return [
        EvidenceAttached(
            case_id=state.case_id,
            evidence_id=item,
            by=command.by.member_id,
            owner=command.owners.get(item, ""),
            role=role,
            at=command.at,
        )
        for item in new
    ]


def _amend(command: AmendCase, state: Case) -> list[CaseEvent]:
    _must_be_author(state, command.by)
    details = replace(state.details, **command.changes)
    if details == state.details:
        return []
    _must_be_within_limits(state, ContributorRole.AUTHOR, command.by)
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
    if role is ContributorRole.CONTRIBUTOR:
        return _propose(Proposal(location=location, by=command.by.member_id), command, state)
    _must_be_within_limits(state, role, command.by)
    return [_located(location, command.by.member_id, role, state, command.at)]


def _located(
    location: Location, by: MemberId, role: ContributorRole, state: Case, at: datetime
) -> CaseLocated:
    return CaseLocated(
        case_id=state.case_id,
        number=state.places.next_number,
        location=location,
        by=by,
        role=role,
        at=at,
    )


def _tag(command: TagCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if command.tag in state.tags:
        return []
    if role is ContributorRole.CONTRIBUTOR:
        return _propose(Proposal(tag=command.tag, by=command.by.member_id), command, state)
    _must_have_room_for_a_tag(state)
    _must_be_within_limits(state, role, command.by)
    return [_tagged(command.tag, command.by.member_id, role, state, command.at)]


def _tagged(tag: str, by: MemberId, role: ContributorRole, state: Case, at: datetime) -> CaseTagged:
    return CaseTagged(
        case_id=state.case_id, number=len(state.tagged), tag=tag, by=by, role=role, at=at
    )


def _propose(proposal: Proposal, command: LocateCase | TagCase, state: Case) -> list[CaseEvent]:
    own = state.proposals.by_member(proposal.by)
    if proposal in own.values():
        return []
    if len(own) >= MOST_PROPOSALS_EACH:
        raise DomainError(
            "too-many-proposals",
            f"You have {MOST_PROPOSALS_EACH} open proposals for this case; wait for its author or "
            "a moderator, or take one back.",
        )
    _must_be_within_limits(state, ContributorRole.CONTRIBUTOR, command.by)
    proposed = ContributionProposed(
        case_id=state.case_id,
        number=state.proposals.next_number,
        tag=proposal.tag,
        location=proposal.location,
        by=proposal.by,
        at=command.at,
    )
    return [proposed]


def _accept_contribution(command: AcceptContribution, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    proposal = _open_proposal(command, state, role)
    if role is ContributorRole.CONTRIBUTOR:
        raise DomainError("forbidden", "Only the author or a moderator may accept a proposal.")
    accepted = ContributionAccepted(
        case_id=state.case_id, number=command.number, role=role, at=command.at
    )
    return [accepted, *_added_to_case(proposal, state, command.at)]


def _added_to_case(proposal: Proposal, state: Case, at: datetime) -> list[CaseEvent]:
    """Return the event that adds what was proposed, unless the case has it meanwhile."""
    role = ContributorRole.CONTRIBUTOR
    if proposal.location and proposal.location != state.location:
        return [_located(proposal.location, proposal.by, role, state, at)]
    if proposal.tag and proposal.tag not in state.tags:
        _must_have_room_for_a_tag(state)
        return [_tagged(proposal.tag, proposal.by, role, state, at)]
    return []


def _decline_contribution(command: DeclineContribution, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    _open_proposal(command, state, role)
    declined = ContributionDeclined(
        case_id=state.case_id, number=command.number, role=role, at=command.at
    )
    return [declined]


def _open_proposal(
    command: AcceptContribution | DeclineContribution, state: Case, role: ContributorRole
) -> Proposal:
    """Return the proposal. Contributors see their own ones alone."""
    proposal = state.proposals.open.get(command.number)
    seen = role is not ContributorRole.CONTRIBUTOR
    if proposal is None or not (seen or proposal.by == command.by.member_id):
        raise DomainError("not-found", "The case has no such open proposal.")
    return proposal


def _untag(command: UntagCase, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    number = state.tags.get(command.tag)
    if number is None:
        return []
    _must_be_allowed_to_remove(state.tagged[number].by, role, command.by)
    return [CaseUntagged(case_id=state.case_id, number=number, role=role, at=command.at)]


def _add_party(command: AddParty, state: Case, facts: CaseFacts) -> list[CaseEvent]:
    role = role_in(state, command.by)
    if command.party_id in state.parties:
        return []
    if facts.party_named:
        raise DomainError(
            "already-named", "A party with this id has been named already; use another id."
        )
    if any(not _has(state, item) for item in command.evidence):
        raise DomainError(
            "not-found", "The case does not have all of this evidence; attach it first."
        )
    _must_be_within_limits(state, role, command.by)
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
    _must_be_allowed_to_remove(last.by, role, command.by)
    numbers = state.places.numbers_of_last_member
    retracted = [
        LocationRetracted(case_id=state.case_id, number=number, role=role, at=command.at)
        for number in numbers
    ]
    return [*retracted, *_returned_location(state.places.without(*numbers), state, command.at)]


def _returned_location(places: Places, state: Case, at: datetime) -> list[CaseEvent]:
    """Return the event that names the location that applies after a retraction, if one does."""
    if places.last is None or places.last.location is None:
        return []
    location, by = places.last.location, places.last.by
    return [LocationReturned(case_id=state.case_id, location=location, by=by, at=at)]


def _retract_evidence(command: RetractEvidence, state: Case) -> list[CaseEvent]:
    role = role_in(state, command.by)
    item = command.evidence_id
    if item in state.evidence and state.evidence[item].retracted:
        return []
    if not _has(state, item):
        raise DomainError("not-found", "The case has no such evidence.")
    _must_be_allowed_to_retract(state.evidence[item].by, role, command.by)
    return [EvidenceRetracted(case_id=state.case_id, evidence_id=item, role=role, at=command.at)]


# Commands of the system


def _accept_evidence(command: AcceptEvidence, state: Case) -> list[CaseEvent]:
    piece = state.evidence.get(command.evidence_id)
    if not piece or not piece.is_undecided or _would_publish_instead_of_author(piece, state):
        return []
    if _is_full_for(piece, state):
        full = RefuseEvidence(
            evidence_id=command.evidence_id, reason=FULL, by=command.by, at=command.at
        )
        return _refuse_evidence(full, state)
    accepted = EvidenceAccepted(
        case_id=state.case_id,
        evidence_id=command.evidence_id,
        contributor=piece.by,
        kind=command.kind,
        sha256=command.sha256,
        commitment=command.commitment,
        at=command.at,
    )
    return [accepted]


def _refuse_evidence(command: RefuseEvidence, state: Case) -> list[CaseEvent]:
    piece = state.evidence.get(command.evidence_id)
    if not piece or not piece.is_undecided:
        return []
    refused = EvidenceRefused(
        case_id=state.case_id,
        evidence_id=command.evidence_id,
        contributor=piece.by,
        reason=command.reason,
        at=command.at,
    )
    return [refused]


def _would_publish_instead_of_author(piece: Piece, state: Case) -> bool:
    """Return whether another member's evidence would publish the case.

    Only the author may do that, the first time and after all evidence was retracted.
    """
    return state.status is CaseStatus.AWAITING_EVIDENCE and piece.by != state.author


def _is_full_for(piece: Piece, state: Case) -> bool:
    """Return whether others than the author have backed the case as often as they may."""
    others = [each for each in state.evidence.values() if each.by != state.author]
    accepted = sum(each.is_attached and each.accepted is not None for each in others)
    return piece.by != state.author and accepted >= MOST_EVIDENCE_OF_OTHERS


def _release(command: ReleaseCase, state: Case) -> list[CaseEvent]:
    waits = state.status is CaseStatus.AWAITING_PUBLICATION
    if not waits or state.held_until is None or command.at < state.held_until:
        return []
    return [CaseReleased(case_id=state.case_id, at=command.at)]


def _hide(command: HideCase, state: Case) -> list[CaseEvent]:
    hidden = CaseHidden(case_id=state.case_id, rule=command.rule, role=command.role, at=command.at)
    return [] if state.hidden else [hidden]


def _restore(command: RestoreCase, state: Case) -> list[CaseEvent]:
    return [CaseRestored(case_id=state.case_id, at=command.at)] if state.hidden else []


def _withhold(command: WithholdEvidence, state: Case) -> list[CaseEvent]:
    item = command.evidence_id
    if item not in state.shown_evidence:
        return []
    withheld = EvidenceWithheld(
        case_id=state.case_id, evidence_id=item, rule=command.rule, at=command.at
    )
    return [withheld]


def _return(command: ReturnEvidence, state: Case) -> list[CaseEvent]:
    piece = state.evidence.get(command.evidence_id)
    if piece is None or not piece.is_attached or not piece.withheld:
        return []
    return [EvidenceReturned(case_id=state.case_id, evidence_id=command.evidence_id, at=command.at)]


def _forget_member(command: ForgetMember, state: Case) -> list[CaseEvent]:
    if state.erased:
        return []
    if command.member_id == state.author:
        return [CaseErased(case_id=state.case_id, at=command.at)]
    erased = _contribution_erased(command.member_id, state, command.at)
    empty = ContributionErased(case_id=state.case_id, at=command.at)
    return [] if erased == empty else [erased]


def _contribution_erased(member_id: MemberId, state: Case, at: datetime) -> ContributionErased:
    """Return the event that erases all contributions of a member, except retracted ones.

    It includes refused evidence, because the refusal describes a file of the member.
    """
    return ContributionErased(
        case_id=state.case_id,
        evidence=tuple(
            item
            for item, piece in state.evidence.items()
            if piece.by == member_id and not (piece.retracted or piece.erased)
        ),
        parties=tuple(party for party, by in state.parties.items() if by == member_id),
        tags=tuple(
            number
            for number, tag in state.tagged.items()
            if tag.by == member_id and not tag.removed
        ),
        places=tuple(
            place.number
            for place in state.places.stated
            if place.by == member_id and not (place.retracted or place.erased)
        ),
        proposals=tuple(state.proposals.by_member(member_id)),
        place_unknown=_has_last_location_of(member_id, state.places),
        at=at,
    )


def _has_last_location_of(member_id: MemberId, places: Places) -> bool:
    return places.last is not None and places.last.by == member_id and not places.last.erased


# Conditions


def _must_be_allowed_to_remove(contributor: MemberId, role: ContributorRole, by: Actor) -> None:
    """Refuse a contributor who removes a contribution of another member."""
    if role is ContributorRole.CONTRIBUTOR and by.member_id != contributor:
        raise DomainError(
            "forbidden", "Only its contributor, the author or a moderator may remove this."
        )


def _must_be_within_limits(state: Case, role: ContributorRole, by: Actor, changes: int = 1) -> None:
    """Refuse changes beyond the limits (ADR 22). Moderators can always correct a case."""
    own = state.changes.get(by.member_id, 0) + changes
    others = sum(state.changes.values()) - state.changes.get(state.author, 0) + changes
    full = {
        ContributorRole.AUTHOR: own > MOST_CHANGES,
        ContributorRole.CONTRIBUTOR: own > MOST_CHANGES_EACH or others > MOST_CHANGES_BY_OTHERS,
        ContributorRole.MODERATOR: False,
    }
    if full[role]:
        raise DomainError(
            "too-many-changes", "You cannot change this case any more; ask a moderator."
        )


def _must_be_allowed_to_retract(contributor: MemberId, role: ContributorRole, by: Actor) -> None:
    """Refuse everybody except the contributor and the author.

    Moderators do not retract evidence: they decide on it, by a rule and with a reason.
    """
    if role is not ContributorRole.AUTHOR and by.member_id != contributor:
        raise DomainError("forbidden", "Only its contributor or the author may retract this.")


def _must_have_room_for_a_tag(state: Case) -> None:
    if len(state.tags) >= MOST_TAGS:
        raise DomainError(
            "too-many-tags", f"A case has at most {MOST_TAGS} tags; remove one first."
        )


def _must_be_attachable(
    state: Case, role: ContributorRole, by: Actor, new: Sequence[EvidenceId]
) -> None:
    """Refuse more evidence of a member than they may attach, and what was retracted.

    What others attach takes no room of the author, and invented ids take none of other members.
    """
    if any(item in state.evidence and state.evidence[item].retracted for item in new):
        raise DomainError(
            "evidence-retracted",
            "Some of this evidence was retracted from the case; upload the file again.",
        )
    most = MOST_EVIDENCE if role is ContributorRole.AUTHOR else MOST_EVIDENCE_EACH
    own = (piece for piece in state.evidence.values() if piece.by == by.member_id)
    if sum(piece.is_attached for piece in own) + len(new) > most:
        raise DomainError(
            "too-much-evidence",
            f"You can attach at most {most} pieces of evidence to this case; retract some first.",
        )


def _must_be_author(state: Case, by: Actor) -> None:
    _must_be_open_to(state, by)
    if by.member_id != state.author:
        raise DomainError("forbidden", "Only the author of the case may do this.")


def _must_be_open_to(state: Case, by: Actor) -> None:
    """Refuse a case that is erased or withdrawn, and one that the actor cannot see.

    The latter is refused as if it did not exist.
    """
    if state.status is CaseStatus.ERASED:
        raise DomainError("erased", "This case was erased.")
    if not can_be_seen(state, by):
        raise DomainError("not-found", "There is no such case.")
    if state.status is CaseStatus.WITHDRAWN:
        raise DomainError("withdrawn", "Its author has withdrawn this case; it cannot change.")


def _has(state: Case, item: EvidenceId) -> bool:
    return item in state.evidence and state.evidence[item].is_attached


def _is_closed(state: Case) -> bool:
    """Return whether nothing but an erasure can change the case."""
    return state.status in (None, CaseStatus.WITHDRAWN, CaseStatus.ERASED)
