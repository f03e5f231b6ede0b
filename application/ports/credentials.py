"""How members prove who they are. None of this is ever in an event."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class PseudonymTaken(Exception):
    """Somebody else has this pseudonym, or one that looks like it."""


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

    ``token_hash`` is that of the newest refresh token, which was made at ``refreshed_at``.
    ``previous_hash`` is that of the token before it, while that one may be used once more.
    A session lives until ``expires_at``. It tells neither an address nor a device.
    """

    session_id: str
    member_id: str
    token_hash: str
    previous_hash: str = ""
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime


class Credentials(Protocol):
    """Credentials and sessions. What ends a session ends it for all processes at once."""

    def claim(self, credential: Credential, looks: Set[str]) -> None:
        """Keep the credential durably. Claiming again for the same member changes nothing.

        ``looks`` are the forms in which the pseudonym appears to readers, at least one. No other
        credential shares one of them. Raises PseudonymTaken."""
        ...

    def release(self, handle: str, member_id: str) -> None:
        """Give up a claim of that member."""
        ...

    def find(self, handle: str) -> Credential | None: ...

    def alike(self, looks: Set[str]) -> Sequence[Credential]:
        """Return the credentials that share one of these looks."""
        ...

    def replace_hash(self, member_id: str, old_hash: str, new_hash: str) -> bool:
        """Replace the passphrase's hash by compare-and-set; False where it was another."""
        ...

    def open_session(self, session: Session) -> None: ...

    def session(self, session_id: str) -> Session | None: ...

    def sessions_of(self, member_id: str) -> Sequence[Session]:
        """Return the member's sessions, newest first."""
        ...

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        """Replace the newest refresh token by compare-and-set; False where it was another.

        The old one becomes the previous one."""
        ...

    def repeat(self, session_id: str, previous_hash: str, since: datetime) -> bool:
        """Take the chance to use the previous token once more; True exactly once.

        False where another token came before the newest, or the newest is older than ``since``."""
        ...

    def end_session(self, session_id: str) -> None: ...

    def end_sessions(self, member_id: str, but: str = "") -> None:
        """End the member's sessions, all ``but`` one."""
        ...

    def forget(self, member_id: str) -> None:
        """Delete the member's credential and sessions."""
        ...

    def delete_expired(self, now: datetime) -> None:
        """Delete the sessions whose end has come."""
        ...
