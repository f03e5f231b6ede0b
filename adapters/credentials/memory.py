"""Credentials and sessions in this process."""

from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import TypeVar

from application.ports.credentials import Credential, PseudonymTaken, Session

Owned = TypeVar("Owned", Credential, Session)


class MemoryCredentials:
    """Credentials by handle and sessions by id, in dicts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._credentials: dict[str, Credential] = {}
        self._sessions: dict[str, Session] = {}

    def claim(self, credential: Credential) -> None:
        with self._lock:
            held = self._credentials.setdefault(credential.handle, credential)
        if held.member_id != credential.member_id:
            raise PseudonymTaken

    def release(self, handle: str, member_id: str) -> None:
        with self._lock:
            held = self._credentials.get(handle)
            if held is not None and held.member_id == member_id:
                del self._credentials[handle]

    def find(self, handle: str) -> Credential | None:
        return self._credentials.get(handle)

    def replace_hash(self, member_id: str, passphrase_hash: str) -> None:
        with self._lock:
            for handle, held in self._credentials.items():
                if held.member_id == member_id:
                    self._credentials[handle] = replace(held, passphrase_hash=passphrase_hash)

    def open_session(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.session_id] = session

    def session(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def rotate(self, session_id: str, old_hash: str, new_hash: str) -> bool:
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.token_hash != old_hash:
                return False
            self._sessions[session_id] = replace(session, token_hash=new_hash)
            return True

    def end_session(self, session_id: str) -> None:
        with self._lock:
            self._sessions.pop(session_id, None)

    def forget(self, member_id: str) -> None:
        with self._lock:
            self._credentials = _without(self._credentials, member_id)
            self._sessions = _without(self._sessions, member_id)

    def delete_expired(self, now: datetime) -> None:
        with self._lock:
            self._sessions = {
                key: session for key, session in self._sessions.items() if session.expires_at > now
            }


def _without(held: dict[str, Owned], member_id: str) -> dict[str, Owned]:
    return {key: value for key, value in held.items() if value.member_id != member_id}
