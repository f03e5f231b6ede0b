"""Dispute links: invitations signed with the instance's key."""

from datetime import datetime, timedelta

from adapters.credentials.claims import SignedClaims
from application.ports.dispute_links import Invitation

LIFE = timedelta(days=30)


class JwtDisputeLinks:
    """Signs and reads invitations."""

    def __init__(self, key: bytes, life: timedelta = LIFE) -> None:
        self._claims = SignedClaims(key, "klarity disputes", life)

    def issue(self, invitation: Invitation, now: datetime) -> str:
        claims = {
            "sub": invitation.party_id,
            "case": invitation.case_id,
            "jti": invitation.dispute_id,
        }
        return self._claims.sign(claims, now)

    def read(self, token: str) -> Invitation | None:
        claims = self._claims.read(token, ("sub", "case", "jti"))
        return Invitation(claims["case"], claims["sub"], claims["jti"]) if claims else None
