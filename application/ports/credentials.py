"""Credentials and sessions of members. No event contains any of it."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class PseudonymTaken(Exception):
    """Another member has this pseudonym, or one that looks like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A member's pseudonym and the hash of their passphrase.

    ``handle`` is the pseudonym, case-folded and normalised; it is unique. ``passphrase_hash`` is
    argon2id in its encoded form.
    """

    handle: str
    member_id: str
    passphrase_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A family of refresh tokens, of which only the newest is valid.

    ``token_hash`` is the hash of the newest refresh token, made at ``refreshed_at``.
    ``previous_hash`` is that of the token before, while it may be used once more.
    A session ends at ``expires_at``. It contains neither an address nor a device.
    """

    session_id: str
    member_id: str
    token_hash: str
    previous_hash: str = ""
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime


class Credentials(Protocol):
    """Credentials and sessions. A session that is ended has ended for all processes at once."""

    def claim(self, credential: Credential, looks: Set[str]) -> None:
        """Store the credential durably. A repeated claim of the same member changes nothing.

        ``looks`` are the forms in which readers see the pseudonym, at least one. Raises
        PseudonymTaken if another credential shares one of them."""
        ...

    def release(self, handle: str, member_id: str) -> None:
        """Delete the member's claim of the handle."""
        ...

    def find(self, handle: str) -> Credential | None: ...

    def alike(self, looks: Set[str]) -> Sequence[Credential]:
        """Return the credentials that share one of these looks."""
        ...

    def credentials_of(self, member_id: str) -> Sequence[Credential]:
        """Return the member's credentials: one, or more while a registration is repeated."""
        ...

    def replace_hash(self, member_id: str, old_hash: str, new_hash: str) -> bool:
        """Replace the passphrase's hash by compare-and-set. Returns False if it is another one."""
        ...

    def open_session(self, session: Session) -> None: ...

    def session(self, session_id: str) -> Session | None: ...

    def sessions_of(self, member_id: str) -> Sequence[Session]:
        """Return the member's sessions, newest first."""
        ...

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        """Replace the newest refresh token by compare-and-set. Returns False if it is another one.

        The old token becomes the previous one."""
        ...

    def repeat(self, session_id: str, previous_hash: str, since: datetime) -> bool:
        """Use the previous token once more. Returns True the first time only.

        Returns False, too, if it is not the previous token, or the newest is older than ``since``.
        """
        ...

    def end_session(self, session_id: str) -> None: ...

    def end_sessions(self, member_id: str, but: str = "") -> None:
        """End the member's sessions, except the one with the id ``but``."""
        ...

    def forget(self, member_id: str) -> None:
        """Delete the member's credential and sessions."""
        ...

    def delete_expired(self, now: datetime) -> None:
        """Delete the sessions that have expired."""
        ...
