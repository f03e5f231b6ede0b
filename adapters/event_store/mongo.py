"""Logs in MongoDB: one collection per log, one document per commit.

An append is one insert, so it is atomic without a transaction. The primary key detects concurrent
writers. Readers of the log assign the positions later.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Lock, Thread
from typing import NoReturn

from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from adapters.event_store.chain import sealed
from adapters.event_store.numbering import Numbering
from adapters.event_store.sealed_heads import SealedHeads
from adapters.grouping import Grouping
from adapters.listeners import Listeners
from adapters.mongo import DURABLE, MAJORITY, Document, unavailable_as
from application.engine.log_seals import LogSeals
from application.ports.event_store import (
    AlreadyDone,
    NewCommit,
    SealedHead,
    StoredCommit,
    StoreUnavailable,
    StreamConflict,
)

LARGEST_DOCUMENT = 16 * 1024 * 1024

_log = logging.getLogger(__name__)

_PREFIX = "log_"
_HIGHEST_VERSION = 10**10 - 1
_ALL = 2**31 - 1
_BATCH = 1000
_DUPLICATE_KEY = 11000
_AWAIT_MS = 500
_PAUSE_SECONDS = 1.0

_INSERTS: list[Document] = [
    {"$match": {"operationType": "insert", "ns.coll": {"$regex": f"^{_PREFIX}"}}},
    {"$project": {"ns.coll": 1}},
]

_WHOLE = {"$type": ["int", "long"]}
# A regular commit either waits for its position or has one, from 1 on.
_STRAYS: Document = {
    "$nor": [
        {"position": {**_WHOLE, "$gte": 1}, "unnumbered": {"$exists": False}},
        {"position": {"$exists": False}, "unnumbered": _WHOLE},
    ]
}

_INDEXES = [
    IndexModel([("command_id", ASCENDING)], unique=True),
    IndexModel([("unnumbered", ASCENDING)], sparse=True),
    IndexModel([("position", ASCENDING)], sparse=True, unique=True),
]


class MongoEventStore:
    """An EventStore in a collection.

    A head must come from ``load`` or from a confirmed ``append``. One before the stream's end is a
    conflict. An invented head, after the end or within a commit, is not detected.
    """

    def __init__(
        self, log: str, database: Database[Document], tail: "MongoTail", seals: LogSeals
    ) -> None:
        self._log = log
        self._seals = seals
        self._tail = tail
        self._commits = database.get_collection(
            _PREFIX + log, write_concern=DURABLE, read_concern=MAJORITY
        )
        self._appends: Grouping[RawBSONDocument, None] = Grouping(self._insert)
        self._loads: Grouping[str, list[StoredCommit]] = Grouping(self._whole_streams)
        self._listeners = Listeners()
        with unavailable_as(StoreUnavailable):
            self._commits.create_indexes(_INDEXES)
            self._heads = SealedHeads(log, self._commits, seals.start(log))
            self._numbering = Numbering(log, self._commits)

    @property
    def log(self) -> str:
        return self._log

    def append(self, commit: NewCommit) -> StoredCommit:
        stored = sealed(self._log, commit, self._seals)
        try:
            self._appends.submit(_document(stored))
        except DuplicateKeyError as refused:
            self._explain(stored, refused)
        self._listeners.call()
        return stored

    def load(self, stream: str, *, upto: int | None = None) -> list[StoredCommit]:
        if upto is None:
            return self._loads.submit(stream)
        return self._find({"_id": _ids(stream, upto)}, "_id")

    def read_log(self, after: int, limit: int) -> list[StoredCommit]:
        page = self._page(after, limit) if after < self._numbering.last_seen else []
        if len(page) < limit:
            self._number(limit)
            page = self._page(after, limit)
        return page

    def find_command(self, command_id: str) -> StoredCommit | None:
        found = self._find({"command_id": command_id}, "_id", limit=1)
        return found[0] if found else None

    def position_of(self, stream: str, version: int) -> int | None:
        holder = self._holder(stream, version)
        if holder is not None and not holder.position:
            self._number(_ALL)
            holder = self._holder(stream, version)
        if holder is None:
            return None
        if not holder.position:
            raise StoreUnavailable("MongoDB: other processes keep numbering the log")
        return holder.position - (holder.last - version)

    def last_position(self) -> int:
        with unavailable_as(StoreUnavailable):
            return self._numbering.last()

    def sealed_head(self) -> SealedHead | None:
        with unavailable_as(StoreUnavailable):
            return self._heads.find()

    def seal(self, head: SealedHead) -> None:
        with unavailable_as(StoreUnavailable):
            self._heads.move(head)

    def strays(self) -> list[StoredCommit]:
        """Return the irregular commits: no valid position, or one after the last assigned."""
        beyond = self._find({"position": {"$gt": self.last_position()}}, "position")
        last = self.last_position()
        return [commit for commit in beyond if commit.position > last] + self._find(_STRAYS, "_id")

    def on_append(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` at once after appends of this process, and by the tail after others."""
        deaf_to_own = self._listeners.add(wake)
        deaf_to_all = self._tail.listen(self._commits.name, wake)

        def stop() -> None:
            deaf_to_own()
            deaf_to_all()

        return stop

    def close(self) -> None:
        """Release nothing: the caller owns the database and the tail."""

    def _whole_streams(self, queue: Iterator[str]) -> Sequence[list[StoredCommit]]:
        """Load all streams of the batch with one query."""
        streams = list(queue)
        parts: list[Document] = [{"_id": _ids(stream)} for stream in set(streams)]
        found: dict[str, list[StoredCommit]] = {stream: [] for stream in streams}
        for commit in self._find(parts[0] if len(parts) == 1 else {"$or": parts}, "_id"):
            found[commit.stream].append(commit)
        return [list(found[stream]) for stream in streams]

    def _insert(self, queue: Iterator[RawBSONDocument]) -> Sequence[Exception | None]:
        """Insert the commits. Returns an outcome for each: DuplicateKeyError if it was refused."""
        documents = list(queue)
        outcomes: list[Exception | None] = [None] * len(documents)
        try:
            if len(documents) == 1:
                self._commits.insert_one(documents[0])
            else:
                self._commits.insert_many(documents, ordered=False)
        except DuplicateKeyError as refused:
            outcomes[0] = refused
        except BulkWriteError as failure:
            outcomes = _outcomes(failure, len(documents))
        except PyMongoError as error:
            raise StoreUnavailable(f"MongoDB: {type(error).__name__}") from error
        return outcomes

    def _explain(self, commit: StoredCommit, refused: DuplicateKeyError) -> NoReturn:
        """Raise AlreadyDone if the command is in the log, or else StreamConflict.

        AlreadyDone comes first, because the stream of a repeated command has moved on, too. The
        server refuses an insert once the conflicting commit is confirmed by a majority, so the
        commit can be read here, unless the primary has changed.
        """
        if done := self.find_command(commit.command_id):
            raise AlreadyDone(done) from None
        if "command_id" in (refused.details or {}).get("keyPattern", {}):
            raise StoreUnavailable("MongoDB: the command's first commit is not confirmed") from None
        raise StreamConflict(commit.stream) from None

    def _number(self, most: int) -> None:
        with unavailable_as(StoreUnavailable):
            self._numbering.number(most)

    def _page(self, after: int, limit: int) -> list[StoredCommit]:
        """Return the next commits up to the first gap, which another process is about to fill."""
        commits = self._find({"position": {"$gt": after}}, "position", limit=limit)
        expected = after
        for index, commit in enumerate(commits):
            if commit.position - commit.size > expected:
                return commits[:index]
            expected = commit.position
        return commits

    def _holder(self, stream: str, version: int) -> StoredCommit | None:
        """Return the commit that holds this version of the stream."""
        found = self._find({"_id": _ids(stream, version)}, "_id", DESCENDING, limit=1)
        return found[0] if found and version <= found[0].last else None

    def _find(
        self, query: Document, order: str, direction: int = ASCENDING, *, limit: int = _ALL
    ) -> list[StoredCommit]:
        if limit < 1:
            return []
        with unavailable_as(StoreUnavailable):
            cursor = self._commits.find(query, limit=limit, batch_size=min(limit, _BATCH))
            return [_stored(document) for document in cursor.sort(order, direction)]


class MongoTail:
    """Notifies listeners of appends by any process to the logs of a database.

    One change stream serves all logs and listeners of a process, because each one slows writers.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._lock = Lock()
        self._listeners: defaultdict[str, Listeners] = defaultdict(Listeners)
        self._closing = Event()
        self._thread: Thread | None = None

    def listen(self, collection: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` after inserts into the collection. Returns a function that ends this."""
        with self._lock:
            stop = self._listeners[collection].add(wake)
            if self._thread is None and not self._closing.is_set():
                self._thread = Thread(target=self._run, name="mongo-tail", daemon=True)
                self._thread.start()
        return stop

    def close(self) -> None:
        """End the tail, which takes at most half a second."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._follow()
            except PyMongoError as error:
                _log.warning("The change stream of MongoDB restarts after %s", type(error).__name__)
                self._closing.wait(_PAUSE_SECONDS)

    def _follow(self) -> None:
        with self._database.watch(_INSERTS, max_await_time_ms=_AWAIT_MS) as changes:
            self._wake_all()
            while not self._closing.is_set():
                if change := changes.try_next():
                    self._wake(change["ns"]["coll"])

    def _wake(self, collection: str) -> None:
        if listeners := self._listeners.get(collection):
            listeners.call()

    def _wake_all(self) -> None:
        """Wake all listeners: appends before the change stream began are unknown."""
        for collection in list(self._listeners):
            self._wake(collection)


def _ids(stream: str, upto: int | None = None) -> Document:
    """Return a range of the keys of a stream's commits. Names have no @, so ranges are disjoint."""
    highest = _HIGHEST_VERSION if upto is None else min(max(upto, 0), _HIGHEST_VERSION)
    return {"$gte": _id(stream, 0), "$lte": _id(stream, highest)}


def _id(stream: str, version: int) -> str:
    return f"{stream}@{version:010}"


def _document(commit: StoredCommit) -> RawBSONDocument:
    """Encode the commit in the appending thread, so that an error fails no other commit."""
    document = encode(
        {
            "_id": _id(commit.stream, commit.first),
            "size": commit.size,
            "stamp": commit.stamp,
            "command_id": commit.command_id,
            "hash": commit.hash,
            "seal": commit.seal,
            "body": commit.body,
            "unnumbered": commit.stamp,
        }
    )
    if len(document) > LARGEST_DOCUMENT:
        raise ValueError(f"a commit of {len(document)} bytes is too large: {commit.stream}")
    return RawBSONDocument(document)


def _stored(document: Document) -> StoredCommit:
    stream, _, first = document["_id"].rpartition("@")
    return StoredCommit(
        stream=stream,
        first=int(first),
        size=document["size"],
        stamp=document["stamp"],
        command_id=document["command_id"],
        body=document["body"],
        hash=document["hash"],
        position=document.get("position", 0),
        seal=document["seal"],
    )


def _outcomes(failure: BulkWriteError, size: int) -> list[Exception | None]:
    details = failure.details
    unconfirmed = StoreUnavailable("MongoDB: WriteConcernError")
    outcomes: list[Exception | None] = [unconfirmed if details["writeConcernErrors"] else None]
    outcomes *= size
    for error in details["writeErrors"]:
        outcomes[error["index"]] = (
            DuplicateKeyError("refused", _DUPLICATE_KEY, error)
            if error["code"] == _DUPLICATE_KEY
            else StoreUnavailable(f"MongoDB: error {error['code']}")
        )
    return outcomes
