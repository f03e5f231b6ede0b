"""Credentials and sessions in MongoDB."""

from collections.abc import Iterator, Sequence, Set
from datetime import UTC, datetime, timedelta

from pymongo import DESCENDING
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from adapters.grouping import Grouping
from adapters.mongo import Document, unavailable_as
from application.ports.credentials import Credential, PseudonymTaken, Session
from application.ports.event_store import StoreUnavailable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class MongoCredentials:
    """Credentials and sessions in two collections. Times are microseconds since 1970.

    Every request with a token looks up its session, so concurrent look-ups share one query.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._credentials = database["credentials"]
        self._sessions = database["sessions"]
        self._lookups: Grouping[str, Session | None] = Grouping(self._look_up)
        with unavailable_as(StoreUnavailable):
            self._credentials.create_index("member_id")
            self._credentials.create_index("looks", unique=True)
            self._sessions.create_index("member_id")
            self._sessions.create_index("expires_at")

    def claim(self, credential: Credential, looks: Set[str]) -> None:
        stored = {**_stored_credential(credential), "looks": sorted(looks)}
        with unavailable_as(StoreUnavailable):
            try:
                self._credentials.insert_one(stored)
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

    def alike(self, looks: Set[str]) -> Sequence[Credential]:
        with unavailable_as(StoreUnavailable):
            return [
                _credential(found)
                for found in self._credentials.find({"looks": {"$in": sorted(looks)}})
            ]

    def credentials_of(self, member_id: str) -> Sequence[Credential]:
        with unavailable_as(StoreUnavailable):
            return [
                _credential(found) for found in self._credentials.find({"member_id": member_id})
            ]

    def replace_hash(self, member_id: str, old_hash: str, new_hash: str) -> bool:
        held = {"member_id": member_id, "passphrase_hash": old_hash}
        with unavailable_as(StoreUnavailable):
            done = self._credentials.update_one(held, {"$set": {"passphrase_hash": new_hash}})
        return done.matched_count == 1

    def open_session(self, session: Session) -> None:
        stored = _stored_session(session)
        with unavailable_as(StoreUnavailable):
            self._sessions.replace_one({"_id": session.session_id}, stored, upsert=True)

    def session(self, session_id: str) -> Session | None:
        return self._lookups.submit(session_id)

    def sessions_of(self, member_id: str) -> Sequence[Session]:
        with unavailable_as(StoreUnavailable):
            found = self._sessions.find({"member_id": member_id}).sort("created_at", DESCENDING)
            return [_session(stored) for stored in found]

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        newest = {"_id": session_id, "token_hash": old_hash}
        change = {"token_hash": new_hash, "previous_hash": old_hash, "refreshed_at": _stamp(at)}
        return self._changed(newest, change)

    def repeat(self, session_id: str, previous_hash: str, since: datetime) -> bool:
        repeatable = {
            "_id": session_id,
            "previous_hash": previous_hash,
            "refreshed_at": {"$gte": _stamp(since)},
        }
        return self._changed(repeatable, {"previous_hash": ""})

    def end_session(self, session_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._sessions.delete_one({"_id": session_id})

    def end_sessions(self, member_id: str, but: str = "") -> None:
        with unavailable_as(StoreUnavailable):
            self._sessions.delete_many({"member_id": member_id, "_id": {"$ne": but}})

    def forget(self, member_id: str) -> None:
        with unavailable_as(StoreUnavailable):
            self._sessions.delete_many({"member_id": member_id})
            self._credentials.delete_many({"member_id": member_id})

    def delete_expired(self, now: datetime) -> None:
        with unavailable_as(StoreUnavailable):
            self._sessions.delete_many({"expires_at": {"$lte": _stamp(now)}})

    def _look_up(self, queue: Iterator[str]) -> Sequence[Session | None]:
        """Look up all sessions of the batch with one query."""
        ids = list(queue)
        query: Document = {"_id": {"$in": ids} if len(ids) > 1 else ids[0]}
        with unavailable_as(StoreUnavailable):
            found = {stored["_id"]: _session(stored) for stored in self._sessions.find(query)}
        return [found.get(session_id) for session_id in ids]

    def _changed(self, query: Document, change: Document) -> bool:
        """Change the session that matches. Returns whether there was one."""
        with unavailable_as(StoreUnavailable):
            return self._sessions.update_one(query, {"$set": change}).matched_count == 1


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
        "previous_hash": session.previous_hash,
        "created_at": _stamp(session.created_at),
        "refreshed_at": _stamp(session.refreshed_at),
        "expires_at": _stamp(session.expires_at),
    }


def _session(stored: Document) -> Session:
    return Session(
        session_id=stored["_id"],
        member_id=stored["member_id"],
        token_hash=stored["token_hash"],
        previous_hash=stored["previous_hash"],
        created_at=_time(stored["created_at"]),
        refreshed_at=_time(stored["refreshed_at"]),
        expires_at=_time(stored["expires_at"]),
    )


def _stamp(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND


def _time(stamp: int) -> datetime:
    return EPOCH + stamp * MICROSECOND
