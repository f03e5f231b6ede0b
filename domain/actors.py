"""Who gives commands."""

from dataclasses import dataclass
from enum import StrEnum

from domain.ids import MemberId


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
        """Return whether the actor holds the role."""
        return role in self.roles

    @property
    def moderates(self) -> bool:
        """Moderators and admins judge what others wrote."""
        return self.is_(Role.MODERATOR) or self.is_(Role.ADMIN)


SYSTEM = Actor(member_id=MemberId(""), pseudonym="klarity", roles=frozenset({Role.SYSTEM}))
