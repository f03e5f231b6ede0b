"""Links by which a moderator lets a named party speak, who needs no account for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Invitation:
    """To one statement on one party of a case."""

    case_id: str
    party_id: str
    dispute_id: str


class DisputeLinks(Protocol):
    def issue(self, invitation: Invitation, now: datetime) -> str:
        """Return a token that nobody else can make."""
        ...

    def read(self, token: str) -> Invitation | None:
        """Return the invitation, or None for what is no good token of ours."""
        ...
