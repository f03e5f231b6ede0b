"""Refresh tokens: each continues a session once, and determines its secret successor."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

from domain.times import DAY, day_of

NONCE_BYTES = 32
SECOND = timedelta(seconds=1)


class RefreshTokens:
    """Makes and verifies tokens of the form ``<session id>.<nonce>.<signature>``.

    The successor of a token is always the same one, so a repeated refresh gets the token whose
    reply was lost, although tokens are not stored. The signature (HMAC-SHA-256) detects forged
    tokens without reading the store. Only the store knows whether a token is still valid.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def first(self, session_id: str) -> str:
        """Return the first token of a session."""
        return self._signed(session_id, secrets.token_hex(NONCE_BYTES))

    def successor(self, token: str) -> str:
        """Return the token after this one."""
        session_id, *_ = token.partition(".")
        return self._signed(session_id, self._keyed("successor", token))

    def hidden(self, token: str, moment: datetime) -> datetime:
        """The day of the moment, at a time of day that tells only the holder of the token more."""
        day = day_of(moment)
        return day + (moment - day + self._offset(token)) // SECOND * SECOND % DAY

    def revealed(self, token: str, hidden: datetime) -> datetime:
        """The moment that was hidden with this token, to the second."""
        day = day_of(hidden)
        return day + (hidden - day - self._offset(token)) % DAY

    def session_of(self, token: str) -> str | None:
        """Return the id of the token's session, or None if the token is forged."""
        session_id, _, rest = token.partition(".")
        nonce, _, _ = rest.partition(".")
        genuine = self._signed(session_id, nonce)
        return session_id if compare_digest(genuine.encode(), token.encode()) else None

    def _offset(self, token: str) -> timedelta:
        return int(self._keyed("moment", token), 16) % (DAY // SECOND) * SECOND

    def _signed(self, session_id: str, nonce: str) -> str:
        return f"{session_id}.{nonce}.{self._keyed('signature', session_id, nonce)}"

    def _keyed(self, purpose: str, *parts: str) -> str:
        message = "\x1f".join(("klarity refresh", purpose, *parts)).encode()
        return hmac_digest(self._key, message, "sha256").hex()


def hash_of(token: str) -> str:
    """Return the SHA-256 of a token, which is stored instead of it."""
    return sha256(token.encode()).hexdigest()
