"""A member: a pseudonym with roles, who can be suspended and can erase their account."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, assert_never

from domain.actors import Actor, Role
from domain.constraints import Length, Limits, OneLine
from domain.decider import Decider, DomainError, must_be_system, must_moderate, whole_days
from domain.ids import MemberId
from domain.personal import OpenMember, Personal, PersonalText, SealedMember, TextId

BY_DECISION = "Only a decision of moderators hides or restores a profile."
PSEUDONYM_LENGTH = Length(3, 40)
Pseudonym = Annotated[str, PSEUDONYM_LENGTH, OneLine(), Personal()]
Interest = Annotated[str, Length(1, 40), OneLine()]
Interests = Annotated[tuple[Interest, ...], Length(0, 50)]
PersonalInterests = Annotated[tuple[str, ...], Personal()]

# A tenth of a degree is about 11 km, so an area reveals a town but not a street.
AREA_DECIMALS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """An area to follow: ``km`` kilometres around a point in degrees."""

    lat: Annotated[float, Limits(-90, 90)]
    lon: Annotated[float, Limits(-180, 180)]
    km: Annotated[float, Limits(1, 100)] = 25.0


Areas = Annotated[tuple[Area, ...], Length(0, 20)]


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterMember:
    member_id: MemberId
    pseudonym: Pseudonym
    interests: Interests = ()
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseInterests:
    interests: Interests
    areas: Areas = ()
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRecommendations:
    """Turn the recommendation of cases on or off."""

    on: bool
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRole:
    role: Role
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeRole:
    role: Role
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendMember:
    reason: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactSuspension:
    """Remove the reasons for all suspensions of the member for good."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstateMember:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealSuspension:
    """The suspended member asks another moderator to lift the suspension."""

    statement: Annotated[str, Length(1, 5000)]
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UpholdSuspension:
    """A moderator who did not suspend the member turns the appeal down."""

    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HideProfile:
    rule: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProfile:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseMember:
    """``anonymous_later``: what the member did under aliases is erased later, one by one."""

    anonymous_later: bool = False
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAlias:
    """Erase an alias of a member who was erased before. Nobody is registered under it."""

    member_id: MemberId
    by: Actor
    at: datetime


MemberCommand = (
    RegisterMember
    | ChooseInterests
    | SwitchRecommendations
    | GrantRole
    | RevokeRole
    | SuspendMember
    | RedactSuspension
    | ReinstateMember
    | AppealSuspension
    | UpholdSuspension
    | HideProfile
    | RestoreProfile
    | EraseMember
    | EraseAlias
)


# Events. The member who suspended, reinstated, granted or revoked is in an event of its own in the
# same commit; without one, the operator did it.


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRegistered:
    member_id: OpenMember
    pseudonym: PersonalText
    interests: PersonalInterests = ()
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InterestsChosen:
    member_id: OpenMember
    interests: PersonalInterests
    areas: Annotated[tuple[Area, ...], Personal()] = ()
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationsTurnedOff:
    """The member wants no recommendations, and to take no part in those of others."""

    member_id: OpenMember
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationsTurnedOn:
    member_id: OpenMember
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGranted:
    member_id: MemberId
    role: Role
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRevoked:
    member_id: MemberId
    role: Role
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSuspended:
    member_id: MemberId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionExplained:
    """The reason for a suspension, for the member and moderators only. It has a key of its own."""

    member_id: MemberId
    reason_id: TextId
    reason: PersonalText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionRedacted:
    """The reason for a suspension was removed for good."""

    member_id: MemberId
    reason_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingSigned:
    """``by`` is who changed the standing of the member. Only the operator gets to know it."""

    member_id: MemberId
    by: SealedMember
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionAppealed:
    """Moderators read the statement. Nobody else does."""

    member_id: OpenMember
    statement: PersonalText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionUpheld:
    """The appeal was turned down."""

    member_id: MemberId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberReinstated:
    member_id: MemberId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberErased:
    """A member or an alias is erased. ``anonymous_later``: their aliases follow later."""

    member_id: MemberId
    anonymous_later: bool = False
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileHidden:
    member_id: MemberId
    rule: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRestored:
    """The profile is public again. Read models deleted the pseudonym, so the event repeats it."""

    member_id: OpenMember
    pseudonym: PersonalText
    at: datetime


OfSuspension = (
    SuspensionExplained
    | SuspensionRedacted
    | StandingSigned
    | SuspensionAppealed
    | SuspensionUpheld
)

MemberEvent = (
    MemberRegistered
    | InterestsChosen
    | RecommendationsTurnedOff
    | RecommendationsTurnedOn
    | RoleGranted
    | RoleRevoked
    | MemberSuspended
    | SuspensionExplained
    | SuspensionRedacted
    | SuspensionAppealed
    | SuspensionUpheld
    | MemberReinstated
    | StandingSigned
    | MemberErased
    | ProfileHidden
    | ProfileRestored
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """``suspended_by`` is the moderator who suspended the member, if known. ``appealed`` says that
    the member has appealed against the suspension, and ``appeal_waits`` that it is not resolved.
    ``reasons`` are the ids of the reasons for suspensions, ``redacted`` of those removed.
    """

    member_id: MemberId = MemberId("")
    pseudonym: str = ""
    interests: tuple[str, ...] = ()
    areas: tuple[Area, ...] = ()
    recommendations: bool = True
    roles: frozenset[Role] = frozenset()
    registered_at: datetime | None = None
    suspended: bool = False
    suspended_by: MemberId = MemberId("")
    appealed: bool = False
    appeal_waits: bool = False
    reasons: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()
    hidden: bool = False
    erased: bool = False


def decide(command: MemberCommand, state: Member) -> list[MemberEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    if isinstance(command, RegisterMember):
        return _register(command, state)
    if isinstance(command, EraseAlias):
        return _erase_alias(command, state)
    _must_be_registered(state)
    match command:
        case ChooseInterests() | SwitchRecommendations():
            return _choose(command, state)
        case GrantRole():
            return _grant_role(command, state)
        case RevokeRole():
            return _revoke_role(command, state)
        case SuspendMember():
            return _suspend(command, state)
        case RedactSuspension():
            return _redact_suspension(command, state)
        case ReinstateMember():
            return _reinstate(command, state)
        case AppealSuspension():
            return _appeal_suspension(command, state)
        case UpholdSuspension():
            return _uphold_suspension(command, state)
        case HideProfile():
            return _hide_profile(command, state)
        case RestoreProfile():
            return _restore_profile(command, state)
        case EraseMember():
            return _erase(command, state)
        case _:
            assert_never(command)


def evolve(state: Member, event: MemberEvent) -> Member:
    """Return the state after the event."""
    match event:
        case MemberRegistered():
            return Member(
                member_id=event.member_id,
                pseudonym=event.pseudonym,
                interests=event.interests,
                registered_at=event.at,
            )
        case InterestsChosen():
            return replace(state, interests=event.interests, areas=event.areas)
        case RecommendationsTurnedOff() | RecommendationsTurnedOn():
            return replace(state, recommendations=isinstance(event, RecommendationsTurnedOn))
        case RoleGranted():
            return replace(state, roles=state.roles | {event.role})
        case RoleRevoked():
            return replace(state, roles=state.roles - {event.role})
        case MemberSuspended():
            return replace(state, suspended=True)
        case MemberReinstated():
            return _reinstated(state)
        case _ if isinstance(event, OfSuspension):
            return _after_suspension(state, event)
        case ProfileHidden():
            return replace(state, hidden=True)
        case ProfileRestored():
            return replace(state, hidden=False)
        case MemberErased():
            return Member(
                member_id=event.member_id,
                registered_at=state.registered_at,
                reasons=state.reasons,
                redacted=state.redacted,
                erased=True,
            )
        case _:
            assert_never(event)


def _after_suspension(state: Member, event: OfSuspension) -> Member:
    match event:
        case SuspensionExplained():
            return replace(state, reasons=(*state.reasons, event.reason_id))
        case SuspensionRedacted():
            return replace(state, redacted=(*state.redacted, event.reason_id))
        case StandingSigned():
            return _after_signature(state, event)
        case SuspensionAppealed():
            return replace(state, appealed=True, appeal_waits=True)
        case SuspensionUpheld():
            return replace(state, appeal_waits=False)
        case _:
            assert_never(event)


def _after_signature(state: Member, event: StandingSigned) -> Member:
    """Return the state in which the first signature of a suspension says who suspended."""
    first = state.suspended and not state.suspended_by
    return replace(state, suspended_by=event.by) if first else state


def _reinstated(state: Member) -> Member:
    return replace(
        state, suspended=False, suspended_by=MemberId(""), appealed=False, appeal_waits=False
    )


# Whole days, because this log names its members: who registers or chooses interests, and minutes
# later reports a case anonymously, is otherwise found by the stamps of two logs.
member_decider: Decider[MemberCommand, Member, MemberEvent] = Decider(
    category="member", initial=Member(), decide=decide, evolve=evolve, stamps=whole_days
)


def _register(command: RegisterMember, state: Member) -> list[MemberEvent]:
    if state.registered_at:
        raise DomainError("already-registered", "This member is registered already; sign in.")
    registered = MemberRegistered(
        member_id=command.member_id,
        pseudonym=command.pseudonym,
        interests=command.interests,
        at=command.at,
    )
    return [registered]


def _choose(command: ChooseInterests | SwitchRecommendations, state: Member) -> list[MemberEvent]:
    _must_be_self(command.by, state)
    match command:
        case ChooseInterests():
            return _choose_interests(command, state)
        case SwitchRecommendations():
            return _switch_recommendations(command, state)
        case _:
            assert_never(command)


def _choose_interests(command: ChooseInterests, state: Member) -> list[MemberEvent]:
    areas = tuple(_rounded(area) for area in command.areas)
    if (command.interests, areas) == (state.interests, state.areas):
        return []
    chosen = InterestsChosen(
        member_id=state.member_id, interests=command.interests, areas=areas, at=command.at
    )
    return [chosen]


def _switch_recommendations(command: SwitchRecommendations, state: Member) -> list[MemberEvent]:
    if command.on == state.recommendations:
        return []
    if command.on:
        return [RecommendationsTurnedOn(member_id=state.member_id, at=command.at)]
    return [RecommendationsTurnedOff(member_id=state.member_id, at=command.at)]


def _rounded(area: Area) -> Area:
    return replace(area, lat=round(area.lat, AREA_DECIMALS), lon=round(area.lon, AREA_DECIMALS))


def _grant_role(command: GrantRole, state: Member) -> list[MemberEvent]:
    _must_administer(command.by)
    if command.role in state.roles:
        return []
    granted = RoleGranted(member_id=state.member_id, role=command.role, at=command.at)
    return [granted, *_signed(command, state)]


def _revoke_role(command: RevokeRole, state: Member) -> list[MemberEvent]:
    _must_administer(command.by)
    if command.role not in state.roles:
        return []
    revoked = RoleRevoked(member_id=state.member_id, role=command.role, at=command.at)
    return [revoked, *_signed(command, state)]


def _suspend(command: SuspendMember, state: Member) -> list[MemberEvent]:
    must_moderate(command.by)
    if command.by.member_id == state.member_id:
        raise DomainError("not-oneself", "You cannot suspend yourself.")
    if state.roles:
        _must_administer(command.by)
    if state.suspended:
        return []
    suspended = MemberSuspended(member_id=state.member_id, at=command.at)
    return [suspended, _explained(command, state), *_signed(command, state)]


def _explained(command: SuspendMember, state: Member) -> SuspensionExplained:
    return SuspensionExplained(
        member_id=state.member_id,
        reason_id=f"suspension/{state.member_id}/{len(state.reasons) + 1}",
        reason=command.reason,
        at=command.at,
    )


def _redact_suspension(command: RedactSuspension, state: Member) -> list[MemberEvent]:
    must_moderate(command.by)
    if command.by.member_id == state.member_id:
        raise DomainError("not-oneself", "This concerns you; leave it to another moderator.")
    kept = [reason_id for reason_id in state.reasons if reason_id not in state.redacted]
    redacted = [
        SuspensionRedacted(member_id=state.member_id, reason_id=reason_id, at=command.at)
        for reason_id in kept
    ]
    return [*redacted, *_signed(command, state)] if kept else []


def _reinstate(command: ReinstateMember, state: Member) -> list[MemberEvent]:
    must_moderate(command.by)
    if not state.suspended:
        return []
    reinstated = MemberReinstated(member_id=state.member_id, at=command.at)
    return [reinstated, *_signed(command, state)]


def _appeal_suspension(command: AppealSuspension, state: Member) -> list[MemberEvent]:
    _must_be_self(command.by, state)
    if not state.suspended:
        raise DomainError("nothing-to-appeal", "You are not suspended.")
    if state.appealed:
        raise DomainError("already-appealed", "You have appealed already; wait for the outcome.")
    appealed = SuspensionAppealed(
        member_id=state.member_id, statement=command.statement, at=command.at
    )
    return [appealed]


def _uphold_suspension(command: UpholdSuspension, state: Member) -> list[MemberEvent]:
    must_moderate(command.by)
    if state.roles:
        _must_administer(command.by)
    if not state.appeal_waits:
        raise DomainError("not-found", "There is no open appeal against a suspension here.")
    if command.by.member_id == state.suspended_by:
        raise DomainError(
            "same-moderator", "You suspended this member; leave the appeal to another moderator."
        )
    upheld = SuspensionUpheld(member_id=state.member_id, at=command.at)
    return [upheld, *_signed(command, state)]


def _hide_profile(command: HideProfile, state: Member) -> list[MemberEvent]:
    must_be_system(command.by, BY_DECISION)
    if state.hidden:
        return []
    return [ProfileHidden(member_id=state.member_id, rule=command.rule, at=command.at)]


def _restore_profile(command: RestoreProfile, state: Member) -> list[MemberEvent]:
    must_be_system(command.by, BY_DECISION)
    if not state.hidden:
        return []
    restored = ProfileRestored(member_id=state.member_id, pseudonym=state.pseudonym, at=command.at)
    return [restored]


def _erase(command: EraseMember, state: Member) -> list[MemberEvent]:
    _must_be_self(command.by, state)
    erased = MemberErased(
        member_id=state.member_id, anonymous_later=command.anonymous_later, at=command.at
    )
    return [erased]


def _erase_alias(command: EraseAlias, state: Member) -> list[MemberEvent]:
    must_be_system(command.by, "Only the system erases aliases.")
    if state.registered_at:
        raise DomainError("forbidden", "This is a member, who alone may erase their account.")
    return [] if state.erased else [MemberErased(member_id=command.member_id, at=command.at)]


def _signed(
    command: GrantRole
    | RevokeRole
    | SuspendMember
    | RedactSuspension
    | ReinstateMember
    | UpholdSuspension,
    state: Member,
) -> list[MemberEvent]:
    """Return the event that names who gave the command; none for the operator, who has no key."""
    by = command.by
    signed = StandingSigned(member_id=state.member_id, by=by.member_id, at=command.at)
    return [] if by.is_(Role.SYSTEM) else [signed]


def _must_be_registered(state: Member) -> None:
    if state.erased:
        raise DomainError("erased", "This member was erased.")
    if not state.registered_at:
        raise DomainError("not-found", "There is no such member.")


def _must_be_self(by: Actor, state: Member) -> None:
    if by.member_id != state.member_id:
        raise DomainError("forbidden", "Only the member may do this to their own account.")


def _must_administer(by: Actor) -> None:
    """Refuse an actor who is neither an admin nor the system, as which the operator acts."""
    if not (by.is_(Role.ADMIN) or by.is_(Role.SYSTEM)):
        raise DomainError("forbidden", "Only an admin may do this.")
