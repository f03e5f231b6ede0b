"""Signed claims with an expiry (RFC 7519, HS256), which all tokens of Klarity use."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

ALGORITHM = "HS256"


class NoToken(Exception):
    """The text is not a valid token of this kind."""


class SignedClaims:
    """Signs claims with the instance's key. ``issuer`` separates the kinds of tokens."""

    def __init__(self, key: bytes, issuer: str, life: timedelta) -> None:
        self._key = key
        self._issuer = issuer
        self.life = life

    def sign(self, claims: dict[str, Any], now: datetime) -> str:
        """Return the claims as a token that expires after ``life``."""
        whole = {"iss": self._issuer, **claims, "exp": now + self.life}
        return jwt.encode(whole, self._key, algorithm=ALGORITHM)

    def read(self, token: str, required: Sequence[str]) -> dict[str, Any] | None:
        """Return the claims, or None for an invalid token or a missing required claim."""
        try:
            return self.verified(token, required)
        except NoToken:
            return None

    def verified(self, token: str, required: Sequence[str]) -> dict[str, Any]:
        """Return the claims. Raises NoToken for an invalid token or a missing required claim."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                # Only the expiry counts. With a clock set back, valid tokens were issued later.
                options={"require": ["exp", *required], "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise NoToken from error
        return claims
