"""Access tokens: short-lived signed statements of who somebody is."""

from datetime import datetime, timedelta

from adapters.credentials.claims import SignedClaims

LIFE = timedelta(minutes=15)


class JwtAccessTokens:
    """Signs and reads access tokens with the instance's own key."""

    def __init__(self, key: bytes, life: timedelta = LIFE) -> None:
        self._claims = SignedClaims(key, "klarity", life)

    @property
    def life(self) -> timedelta:
        """How long a token is good."""
        return self._claims.life

    def issue(self, member_id: str, session_id: str, now: datetime) -> str:
        """A token that is good from now on for its life."""
        return self._claims.sign({"sub": member_id, "sid": session_id, "iat": now}, now)

    def read(self, token: str) -> tuple[str, str] | None:
        """Member id and session id, or None for what is no good token of ours."""
        claims = self._claims.read(token, ("sub", "sid"))
        return (str(claims["sub"]), str(claims["sid"])) if claims else None
