"""Signed statements that are good for a while (RFC 7519, HS256): what all our tokens share."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import jwt

ALGORITHM = "HS256"


class NoToken(Exception):
    """The text is no good token of the kind."""


class SignedClaims:
    """Over the instance's own key; ``issuer`` keeps the kinds of tokens apart."""

    def __init__(self, key: bytes, issuer: str, life: timedelta) -> None:
        self._key = key
        self._issuer = issuer
        self.life = life

    def sign(self, claims: dict[str, Any], now: datetime) -> str:
        """Return the claims as a token that is good from now on for its life."""
        whole = {"iss": self._issuer, **claims, "exp": now + self.life}
        return jwt.encode(whole, self._key, algorithm=ALGORITHM)

    def read(self, token: str, required: Sequence[str]) -> dict[str, Any] | None:
        """Return the claims, or None for what is no good token of this kind with all that is required."""
        try:
            return self.verified(token, required)
        except NoToken:
            return None

    def verified(self, token: str, required: Sequence[str]) -> dict[str, Any]:
        """Return the claims. Raises NoToken for what is no good token with all that is required."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                # The end decides: a clock that was turned back makes good tokens from the future.
                options={"require": ["exp", *required], "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise NoToken from error
        return claims
