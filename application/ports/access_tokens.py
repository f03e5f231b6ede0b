"""Short-lived proof of who somebody is."""

from datetime import datetime, timedelta
from typing import Protocol


class AccessTokens(Protocol):
    @property
    def life(self) -> timedelta:
        """How long a token is good."""
        ...

    def issue(self, member_id: str, session_id: str, now: datetime) -> str: ...

    def read(self, token: str) -> tuple[str, str] | None:
        """Member id and session id, or None for what is no good token of ours."""
        ...
