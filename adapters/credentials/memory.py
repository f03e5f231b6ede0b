"""Credentials and sessions in this process."""

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import TypeVar

from application.ports.credentials import Credential, PseudonymTaken, Session

Owned = TypeVar("Owned", Credential, Session)


class MemoryCredentials:
    """Credentials and their looks by handle, and sessions by id, in dicts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._credentials: dict[str, Credential] = {}
        self._looks: dict[str, Set[str]] = {}
        self._sessions: dict[str, Session] = {}

    def claim(self, credential: Credential, looks: Set[str]) -> None:
        with self._lock:
            held = self._credentials.get(credential.handle)
            if held is None and not self._alike(looks):
                self._credentials[credential.handle] = held = credential
                self._looks[credential.handle] = frozenset(looks)
        if held is None or held.member_id != credential.member_id:
            raise PseudonymTaken

    def release(self, handle: str, member_id: str) -> None:
        with self._lock:
            held = self._credentials.get(handle)
            if held is not None and held.member_id == member_id:
                del self._credentials[handle], self._looks[handle]

    def find(self, handle: str) -> Credential | None:
        return self._credentials.get(handle)

    def alike(self, looks: Set[str]) -> Sequence[Credential]:
        with self._lock:
            return self._alike(looks)

    def credentials_of(self, member_id: str) -> Sequence[Credential]:
        with self._lock:
            return [held for held in self._credentials.values() if held.member_id == member_id]

    def replace_hash(self, member_id: str, old_hash: str, new_hash: str) -> bool:
        with self._lock:
            for handle, held in self._credentials.items():
                if (held.member_id, held.passphrase_hash) == (member_id, old_hash):
                    self._credentials[handle] = replace(held, passphrase_hash=new_hash)
                    return True
        return False

    def open_session(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.session_id] = session

    def session(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def sessions_of(self, member_id: str) -> Sequence[Session]:
        with self._lock:
            own = [each for each in self._sessions.values() if each.member_id == member_id]
        return sorted(own, key=lambda session: session.created_at, reverse=True)

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.token_hash != old_hash:
                return False
            self._sessions[session_id] = replace(
                session, token_hash=new_hash, previous_hash=old_hash, refreshed_at=at
            )
            return True

    def repeat(self, session_id: str, previous_hash: str, since: datetime) -> bool:
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.refreshed_at < since:
                return False
            if session.previous_hash != previous_hash:
                return False
            self._sessions[session_id] = replace(session, previous_hash="")
            return True

    def end_session(self, session_id: str) -> None:
        with self._lock:
            self._sessions.pop(session_id, None)

    def end_sessions(self, member_id: str, but: str = "") -> None:
        with self._lock:
            self._sessions = {
                key: session
                for key, session in self._sessions.items()
                if session.member_id != member_id or key == but
            }

    def forget(self, member_id: str) -> None:
        with self._lock:
            self._credentials = _without(self._credentials, member_id)
            self._looks = {handle: self._looks[handle] for handle in self._credentials}
            self._sessions = _without(self._sessions, member_id)

    def delete_expired(self, now: datetime) -> None:
        with self._lock:
            self._sessions = {
                key: session for key, session in self._sessions.items() if session.expires_at > now
            }

    def _alike(self, looks: Set[str]) -> list[Credential]:
        return [held for handle, held in self._credentials.items() if self._looks[handle] & looks]


def _without(held: dict[str, Owned], member_id: str) -> dict[str, Owned]:
    return {key: value for key, value in held.items() if value.member_id != member_id}
