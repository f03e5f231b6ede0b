"""Access tokens: short-lived signed claims that identify member and session."""

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
    """Signs and reads access tokens."""

    def __init__(self, key: bytes, life: timedelta = LIFE) -> None:
        self._claims = SignedClaims(key, "klarity", life)
        # The signature is verified once per token; the expiry is checked on each call.
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._verified)

    @property
    def life(self) -> timedelta:
        """How long a token is valid."""
        return self._claims.life

    def issue(self, member_id: str, session_id: str, now: datetime) -> str:
        """Return a token that expires after ``life``."""
        return self._claims.sign({"sub": member_id, "sid": session_id, "iat": now}, now)

    def read(self, token: str) -> tuple[str, str] | None:
        """Return member id and session id, or None for an invalid or expired token."""
        try:
            found = self._remembered(token)
        except NoToken:
            return None
        return (found.member_id, found.session_id) if found.expires > time.time() else None

    def _verified(self, token: str) -> _Read:
        claims = self._claims.verified(token, ("sub", "sid"))
        return _Read(str(claims["sub"]), str(claims["sid"]), claims["exp"])
