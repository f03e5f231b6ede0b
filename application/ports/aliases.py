"""Aliases: the names under which members own what must not lead to them."""

from typing import Protocol

from domain.ids import MemberId


class Aliases(Protocol):
    """One alias for each thing that a member owns. Only the member's alias key connects them.

    No alias is stored with its member: an alias proves itself to whoever has the key.
    """

    def of(self, member_id: str, thing: str) -> MemberId:
        """Return the member's alias for a thing; the same thing, the same alias.

        Raises DomainError (erased) once ``destroy`` was called.
        """
        ...

    def prepare(self, member_id: str) -> None:
        """Make the member's alias key, if there is none.

        Done early, so that the store does not show when the member needed the first alias. Raises
        DomainError (erased) once ``destroy`` was called.
        """
        ...

    def is_own(self, member_id: str, owner: str) -> bool:
        """Return whether the owner is the member or one of the member's aliases."""
        ...

    def destroy(self, member_id: str) -> None:
        """Destroy the alias key: nothing connects the member's aliases from now on."""
        ...
