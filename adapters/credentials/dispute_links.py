"""Dispute links: invitations signed by the instance (RFC 7519, HS256)."""

from datetime import datetime, timedelta

import jwt

from application.ports.dispute_links import Invitation

LIFE = timedelta(days=30)
_ALGORITHM = "HS256"
_ISSUER = "klarity disputes"


class JwtDisputeLinks:
    """Signs and reads invitations with the instance's own key."""

    def __init__(self, key: bytes, life: timedelta = LIFE) -> None:
        self._key = key
        self._life = life

    @property
    def life(self) -> timedelta:
        return self._life

    def issue(self, invitation: Invitation, now: datetime) -> str:
        claims = {
            "iss": _ISSUER,
            "sub": invitation.party_id,
            "case": invitation.case_id,
            "jti": invitation.dispute_id,
            "exp": now + self.life,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def read(self, token: str) -> Invitation | None:
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                options={"require": ["exp", "sub", "jti"]},
            )
        except jwt.InvalidTokenError:
            return None
        return Invitation(str(claims["case"]), str(claims["sub"]), str(claims["jti"]))
