"""Refresh tokens: each continues a session, and has one successor that only we can tell."""

import secrets
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest

NONCE_BYTES = 32


class RefreshTokens:
    """Makes and recognises tokens of the form ``<session id>.<nonce>.<signature>``.

    The successor of a token is always the same one, so a repeated refresh can be answered with the
    token that was lost, which is stored nowhere. The signature (HMAC-SHA-256) tells our tokens from
    made-up ones without a look at the store; whether a token is still good, the store alone tells.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def first(self, session_id: str) -> str:
        """The first token of a session."""
        return self._signed(session_id, secrets.token_hex(NONCE_BYTES))

    def successor(self, token: str) -> str:
        """The token that comes after this one."""
        session_id, *_ = token.partition(".")
        return self._signed(session_id, self._keyed("successor", token))

    def session_of(self, token: str) -> str | None:
        """The id of the session that the token belongs to, or None where it is not ours."""
        session_id, _, rest = token.partition(".")
        nonce, _, _ = rest.partition(".")
        genuine = self._signed(session_id, nonce)
        return session_id if compare_digest(genuine.encode(), token.encode()) else None

    def _signed(self, session_id: str, nonce: str) -> str:
        return f"{session_id}.{nonce}.{self._keyed('signature', session_id, nonce)}"

    def _keyed(self, purpose: str, *parts: str) -> str:
        message = "\x1f".join(("klarity refresh", purpose, *parts)).encode()
        return hmac_digest(self._key, message, "sha256").hex()


def fingerprint(token: str) -> str:
    """What is stored of a token (SHA-256)."""
    return sha256(token.encode()).hexdigest()
