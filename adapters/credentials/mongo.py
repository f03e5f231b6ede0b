"""Credentials and sessions in MongoDB."""

from datetime import UTC, datetime, timedelta

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.mongo import Document, unavailable_as
from application.ports.credentials import Credential, PseudonymTaken, Session
from application.ports.event_store import StoreUnavailable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class MongoCredentials:
    """Credentials and sessions in two collections, times in microseconds since 1970."""

    def __init__(self, database: Database[Document]) -> None:
        self._credentials = database["credentials"]
        self._sessions = database["sessions"]
        with unavailable_as(StoreUnavailable):
            self._credentials.create_index("member_id")
            self._sessions.create_index("member_id")
            self._sessions.create_index("expires_at")

    def claim(self, credential: Credential) -> None:
        with unavailable_as(StoreUnavailable):
            try:
                self._credentials.insert_one(_stored_credential(credential))
            except DuplicateKeyError as error:
                held = self.find(credential.handle)
                if held is None or held.member_id != credential.member_id:
                    raise PseudonymTaken from error

    def release(self, handle: str, member_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._credentials.delete_one({"_id": handle, "member_id": member_id})

    def find(self, handle: str) -> Credential | None:
        with unavailable_as(StoreUnavailable):
            found = self._credentials.find_one({"_id": handle})
        return _credential(found) if found else None

    def replace_hash(self, member_id: str, passphrase_hash: str) -> None:
        change = {"$set": {"passphrase_hash": passphrase_hash}}
        with unavailable_as(StoreUnavailable):
            self._credentials.update_many({"member_id": member_id}, change)

    def open_session(self, session: Session) -> None:
        stored = _stored_session(session)
        with unavailable_as(StoreUnavailable):
            self._sessions.replace_one({"_id": session.session_id}, stored, upsert=True)

    def session(self, session_id: str) -> Session | None:
        with unavailable_as(StoreUnavailable):
            found = self._sessions.find_one({"_id": session_id})
        return _session(found) if found else None

    def rotate(self, session_id: str, old_hash: str, new_hash: str) -> bool:
        newest = {"_id": session_id, "token_hash": old_hash}
        with unavailable_as(StoreUnavailable):
            done = self._sessions.update_one(newest, {"$set": {"token_hash": new_hash}})
        return done.matched_count == 1

    def end_session(self, session_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._sessions.delete_one({"_id": session_id})

    def forget(self, member_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._sessions.delete_many({"member_id": member_id})
            self._credentials.delete_many({"member_id": member_id})

    def delete_expired(self, now: datetime) -> None:
        with unavailable_as(StoreUnavailable):
            self._sessions.delete_many({"expires_at": {"$lte": _stamp(now)}})


def _stored_credential(credential: Credential) -> Document:
    return {
        "_id": credential.handle,
        "member_id": credential.member_id,
        "passphrase_hash": credential.passphrase_hash,
        "created_at": _stamp(credential.created_at),
    }


def _credential(stored: Document) -> Credential:
    return Credential(
        handle=stored["_id"],
        member_id=stored["member_id"],
        passphrase_hash=stored["passphrase_hash"],
        created_at=_time(stored["created_at"]),
    )


def _stored_session(session: Session) -> Document:
    return {
        "_id": session.session_id,
        "member_id": session.member_id,
        "token_hash": session.token_hash,
        "expires_at": _stamp(session.expires_at),
    }


def _session(stored: Document) -> Session:
    return Session(
        session_id=stored["_id"],
        member_id=stored["member_id"],
        token_hash=stored["token_hash"],
        expires_at=_time(stored["expires_at"]),
    )


def _stamp(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND


def _time(stamp: int) -> datetime:
    return EPOCH + stamp * MICROSECOND
