"""The actors who give commands, what their roles permit, and in which role they contribute."""

from dataclasses import dataclass
from enum import StrEnum

from domain.ids import MemberId


class Role(StrEnum):
    """A permission that not every member has."""

    MODERATOR = "moderator"
    ADMIN = "admin"
    OPERATOR = "operator"
    SYSTEM = "system"


class ContributorRole(StrEnum):
    """The role in which an actor contributed: what everybody may know of them.

    The author has contributed the case or comment itself; a contributor adds to the case of another
    member. A party answers a claim about itself, without an account.
    """

    AUTHOR = "author"
    CONTRIBUTOR = "contributor"
    MODERATOR = "moderator"
    PARTY = "party"
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

    @property
    def operates(self) -> bool:
        """Whether the actor may see and change how the system runs."""
        return self.is_(Role.OPERATOR) or self.is_(Role.SYSTEM)


SYSTEM = Actor(member_id=MemberId(""), pseudonym="klarity", roles=frozenset({Role.SYSTEM}))
