"""The actors who give commands, and their roles."""

from dataclasses import dataclass
from enum import StrEnum

from domain.ids import MemberId


class Role(StrEnum):
    """A role permits more than every member may do."""

    MODERATOR = "moderator"
    ADMIN = "admin"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The member or the system that gives a command."""

    member_id: MemberId
    pseudonym: str = ""
    roles: frozenset[Role] = frozenset()

    def is_(self, role: Role) -> bool:
        """Return whether the actor holds the role."""
        return role in self.roles

    @property
    def moderates(self) -> bool:
        """Whether the actor may decide on the content of others."""
        return self.is_(Role.MODERATOR) or self.is_(Role.ADMIN)


SYSTEM = Actor(member_id=MemberId(""), pseudonym="klarity", roles=frozenset({Role.SYSTEM}))
