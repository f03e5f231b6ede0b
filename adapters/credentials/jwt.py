"""Access tokens: short-lived signed statements of who somebody is."""

import time
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from adapters.credentials.claims import NoToken, SignedClaims

LIFE = timedelta(minutes=15)
REMEMBERED = 10_000


class _Read(NamedTuple):
    member_id: str
    session_id: str
    expires: float


class JwtAccessTokens:
    """Signs and reads access tokens with the instance's own key."""

    def __init__(self, key: bytes, life: timedelta = LIFE) -> None:
        self._claims = SignedClaims(key, "klarity", life)
        # A signature stays good, so it is verified once; the time is looked at again and again.
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._verified)

    @property
    def life(self) -> timedelta:
        """How long a token is good."""
        return self._claims.life

    def issue(self, member_id: str, session_id: str, now: datetime) -> str:
        """Return a token that is good from now on for its life."""
        return self._claims.sign({"sub": member_id, "sid": session_id, "iat": now}, now)

    def read(self, token: str) -> tuple[str, str] | None:
        """Member id and session id, or None for what is no good token of ours."""
        try:
            found = self._remembered(token)
        except NoToken:
            return None
        return (found.member_id, found.session_id) if found.expires > time.time() else None

    def _verified(self, token: str) -> _Read:
        claims = self._claims.verified(token, ("sub", "sid"))
        return _Read(str(claims["sub"]), str(claims["sid"]), claims["exp"])
