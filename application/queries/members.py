"""Who is this member, as everybody may know them?"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, assert_never

from application.engine.query_service import ForOwner, Private, QueryService
from application.engine.rows import Rows
from domain.members import member


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDocument:
    """A public profile. It shows the day of joining, not the time.

    ``suspension`` is the reason for a suspension, for the member and moderators.
    """

    member_id: str
    pseudonym: str
    roles: tuple[str, ...] = ()
    suspended: bool = False
    suspension: Annotated[str | None, ForOwner()] = None
    erased: bool = False
    joined_on: date
    hidden: Annotated[bool, Private()] = False


class Members(QueryService[MemberDocument]):
    """Who is this member, as everybody may know them?"""

    name, version = "members", 3
    document, key, owner, single = MemberDocument, "member_id", "member_id", True

    def project(self, event: member.MemberEvent, rows: Rows[MemberDocument]) -> None:
        match event:
            case member.MemberRegistered():
                rows.put(event.member_id, _registered(event))
            case member.RoleGranted(member_id=key, role=role):
                rows.change(key, lambda row: replace(row, roles=(*row.roles, role.value)))
            case member.RoleRevoked(member_id=key, role=role):
                rows.change(key, lambda row: replace(row, roles=_without(row.roles, role)))
            case member.MemberSuspended():
                rows.change(event.member_id, lambda row: replace(row, suspended=True))
            case member.SuspensionExplained(member_id=key, reason=reason):
                rows.change(key, lambda row: replace(row, suspension=reason))
            case member.SuspensionRedacted():
                rows.change(event.member_id, lambda row: replace(row, suspension=None))
            case member.MemberReinstated():
                rows.change(event.member_id, _reinstated)
            case member.ProfileHidden():
                rows.change(event.member_id, lambda row: replace(row, hidden=True))
            case member.ProfileRestored():
                rows.change(event.member_id, lambda row: replace(row, hidden=False))
            case member.MemberErased():
                rows.put(event.member_id, _erased(event))
            case (
                member.InterestsChosen()
                | member.RecommendationsTurnedOff()
                | member.RecommendationsTurnedOn()
                | member.StandingSigned()
                | member.SuspensionAppealed()
                | member.SuspensionUpheld()
            ):
                pass
            case _:
                assert_never(event)

    def is_public(self, document: MemberDocument) -> bool:
        return not document.hidden

    def is_erased(self, document: MemberDocument) -> bool:
        return document.erased


def _registered(event: member.MemberRegistered) -> MemberDocument:
    return MemberDocument(
        member_id=event.member_id,
        pseudonym=event.pseudonym,
        joined_on=event.at.date(),
    )


def _reinstated(row: MemberDocument) -> MemberDocument:
    return replace(row, suspended=False, suspension=None)


def _erased(event: member.MemberErased) -> MemberDocument:
    """Return the tombstone of a profile."""
    return MemberDocument(
        member_id=event.member_id, pseudonym="", erased=True, joined_on=event.at.date()
    )


def _without(roles: tuple[str, ...], role: str) -> tuple[str, ...]:
    return tuple(held for held in roles if held != role)
