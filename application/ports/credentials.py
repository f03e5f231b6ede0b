"""How members prove who they are. None of this is ever in an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class PseudonymTaken(Exception):
    """Somebody else has this pseudonym."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """``handle`` is the pseudonym, case-folded and normalised: unique. ``passphrase_hash`` is
    argon2id in its encoded form."""

    handle: str
    member_id: str
    passphrase_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A family of refresh tokens, of which only the newest is good.

    ``token_hash`` is that of the newest refresh token. A session lives until ``expires_at``.
    """

    session_id: str
    member_id: str
    token_hash: str
    expires_at: datetime


class Credentials(Protocol):
    """Credentials and sessions."""

    def claim(self, credential: Credential) -> None:
        """Keep the credential durably. Claiming again for the same member changes nothing.

        Raises PseudonymTaken."""
        ...

    def release(self, handle: str, member_id: str) -> None:
        """Give up a claim of that member."""
        ...

    def find(self, handle: str) -> Credential | None: ...

    def replace_hash(self, member_id: str, passphrase_hash: str) -> None: ...

    def open_session(self, session: Session) -> None: ...

    def session(self, session_id: str) -> Session | None: ...

    def rotate(self, session_id: str, old_hash: str, new_hash: str) -> bool:
        """Replace the newest refresh token by compare-and-set; False where it was another."""
        ...

    def end_session(self, session_id: str) -> None: ...

    def forget(self, member_id: str) -> None:
        """Delete the member's credential and sessions."""
        ...

    def delete_expired(self, now: datetime) -> None:
        """Delete the sessions whose end has come."""
        ...
