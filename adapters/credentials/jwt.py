"""Access tokens: short-lived signed statements of who somebody is (RFC 7519, HS256)."""

from datetime import datetime, timedelta

import jwt

LIFE = timedelta(minutes=15)
_ALGORITHM = "HS256"
_ISSUER = "klarity"


class JwtAccessTokens:
    """Signs and reads access tokens with the instance's own key."""

    def __init__(self, key: bytes, life: timedelta = LIFE) -> None:
        self._key = key
        self._life = life

    @property
    def life(self) -> timedelta:
        """How long a token is good."""
        return self._life

    def issue(self, member_id: str, session_id: str, now: datetime) -> str:
        """A token that is good from now on for its life."""
        claims = {
            "iss": _ISSUER,
            "sub": member_id,
            "sid": session_id,
            "iat": now,
            "exp": now + self.life,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> tuple[str, str] | None:
        """Member id and session id, or None for what is no good token of ours."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                options={"require": ["exp", "sub", "sid"]},
            )
        except jwt.InvalidTokenError:
            return None
        return str(claims["sub"]), str(claims["sid"])
