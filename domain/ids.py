"""Typed ids, actors and the value objects that contexts share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NewType

MemberId = NewType("MemberId", str)
CaseId = NewType("CaseId", str)
EvidenceId = NewType("EvidenceId", str)
CommentId = NewType("CommentId", str)
PartyId = NewType("PartyId", str)


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters a text (or items a list) may have."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class OneLine:
    """Marks a text of one line: it neither begins nor ends with a space, and controls nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The least and the greatest that a number may be."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a text or a list that is stored encrypted with its subject's key; empty once erased."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Marks whose key encrypts the personal texts of an event.

    A sealed subject is itself encrypted, so that the log does not tell who it was.
    """

    sealed: bool = True


PersonalText = Annotated[str, Personal()]
SealedMember = Annotated[MemberId, Subject()]
OpenMember = Annotated[MemberId, Subject(sealed=False)]


class Role(StrEnum):
    """What a member may do beyond what everybody may."""

    MODERATOR = "moderator"
    ADMIN = "admin"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """On whose behalf a command is given."""

    member_id: MemberId
    pseudonym: str = ""
    roles: frozenset[Role] = frozenset()

    def is_(self, role: Role) -> bool:
        """Whether the actor holds the role."""
        return role in self.roles

    @property
    def moderates(self) -> bool:
        """Moderators and admins judge what others wrote."""
        return self.is_(Role.MODERATOR) or self.is_(Role.ADMIN)


SYSTEM = Actor(member_id=MemberId(""), pseudonym="klarity", roles=frozenset({Role.SYSTEM}))


class MediaKind(StrEnum):
    """What a piece of evidence is."""

    VIDEO = "video"
    PHOTO = "photo"
    AUDIO = "audio"
    DOCUMENT = "document"
