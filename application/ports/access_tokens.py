"""Short-lived tokens that identify a member and a session."""

from datetime import datetime, timedelta
from typing import Protocol


class AccessTokens(Protocol):
    """Issues and reads access tokens."""

    @property
    def life(self) -> timedelta:
        """How long a token is valid."""
        ...

    def issue(self, member_id: str, session_id: str, now: datetime) -> str: ...

    def read(self, token: str) -> tuple[str, str] | None:
        """Return member id and session id, or None for an invalid or expired token."""
        ...
