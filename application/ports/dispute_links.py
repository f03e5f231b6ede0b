"""Links that let a named party make a statement without an account."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Invitation:
    """The permission for one statement about one party of a case."""

    case_id: str
    party_id: str
    dispute_id: str


class DisputeLinks(Protocol):
    """Issues and reads the tokens of dispute links."""

    def issue(self, invitation: Invitation, now: datetime) -> str:
        """Return a signed token."""
        ...

    def read(self, token: str) -> Invitation | None:
        """Return the invitation, or None for an invalid or expired token."""
        ...
