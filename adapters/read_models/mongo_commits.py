"""Commit rows and checkpoint of a read model in MongoDB atomically, whatever the number of rows."""

from collections.abc import Callable, Mapping
from math import inf
from random import uniform
from re import escape
from time import sleep
from typing import Any
from uuid import uuid4

from pymongo import DeleteOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from adapters.mongo import DURABLE, MAJORITY, Document, end_abandoned_transactions
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable

# Rows without their key, by table ("" for the documents) and key; None for one to be deleted.
Rows = Mapping[tuple[str, str], Document | None]

TableRows = Mapping[str, Document | None]

# The longest pauses in seconds before each retry of a transaction: about 20 seconds in total, as
# long as the driver waits for a reply.
PAUSES = [min(0.01 * 2**tries, 0.5) for tries in range(80)]

# After this many tries, transactions of killed processes are looked for and ended.
TRIES_A_LOOK = 5

# With this many rows or more, it is faster to find out first which of them are new.
MANY = 100

# TransactionTooLarge and TransactionTooLargeForCache, and a number of rows that fits.
TOO_LARGE = {257, 388}
PART = 1000

# Tries of a transaction with more rows. A full cache rolls it back each time, which MongoDB 6 calls
# a conflict with others.
TRIES_OF_MANY = 8


class TooLarge(StoreUnavailable):
    """The server does not accept so many rows in one transaction."""


class Conflicting(StoreUnavailable):
    """A transaction kept conflicting with others."""


class Commits:
    """The checkpoint of one read model, and the commits that move it.

    A commit is usually one transaction. If it is too large for the server's cache, the rows are
    first written to a second collection. Moving the checkpoint then commits them, and they are
    copied into place in parts. ``checkpoint`` completes this after a crash.
    """

    def __init__(self, database: Database[Document], name: str, version: int) -> None:
        self.name = f"{name}.{version}"
        self._database = database
        self._ready = database[f"ready.{name}.{version}"]
        self._models = database["read_models"]
        self._model = {"_id": f"{name}.{version}", "name": name, "version": version}
        self._me = {"_id": self._model["_id"]}
        self._client = database.client
        self._most_at_once = inf

    def table(self, side: str) -> Collection[Document]:
        """Return the collection of a side table, or with an empty name that of the documents."""
        rows = f"rows.{self.name}"
        return self._database[f"{rows}.{side}" if side else rows]

    def start(self) -> None:
        """Create the checkpoint if it is missing."""
        self._ready.create_index([("commit", 1), ("part", 1)])
        start = {"$setOnInsert": {**self._model, **_stored(START)}}
        self._models.update_one(self._me, start, upsert=True)

    def drop(self) -> None:
        end_abandoned_transactions(self._client)
        # The checkpoint goes first, which fences any other writer from then on.
        self._models.delete_one(self._me)
        self._ready.drop()
        self.table("").drop()
        for name in self._side_collections():
            self._database[name].drop()

    def _side_collections(self) -> list[str]:
        """Return the names of all side tables, also of those that another program declared."""
        own = {"name": {"$regex": f"^{escape(self.table('').name)}[.]"}}
        return self._database.list_collection_names(filter=own)

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint, after all rows up to it are in place."""
        found = self._models.find_one(self._me)
        while found is not None and found.get("unfinished"):
            self._put_in_place(found["unfinished"])
            found = self._models.find_one(self._me)
        return START if found is None else _checkpoint(found)

    def commit(self, rows: Rows, checkpoint: Checkpoint) -> None:
        """Commit the rows. Raises Fenced, and ValueError for rows that the server refuses."""
        if len(rows) <= self._most_at_once:
            try:
                return self._commit_at_once(rows, checkpoint)
            except Conflicting:
                if len(rows) <= PART:
                    raise
                self._most_at_once = PART
            except TooLarge:
                pass
        return self._commit_in_parts(rows, checkpoint)

    def _commit_at_once(self, rows: Rows, checkpoint: Checkpoint) -> None:
        def write(session: ClientSession) -> None:
            # The checkpoint comes first: concurrent writers conflict on it.
            self._move(checkpoint, session)
            self._write(rows, session)

        self._transact(write, len(PAUSES) if len(rows) <= PART else TRIES_OF_MANY)

    def _commit_in_parts(self, rows: Rows, checkpoint: Checkpoint) -> None:
        commit = uuid4().hex
        self._ready.insert_many(
            {"commit": commit, "part": number // PART, "table": table, "key": key, "row": row}
            for number, ((table, key), row) in enumerate(rows.items())
        )
        left = {"commit": commit, "part": 0, "parts": -(-len(rows) // PART)}
        try:
            self._move(checkpoint, unfinished=left)
        except Fenced:
            self._ready.delete_many({"commit": commit})
            raise
        self.checkpoint()

    def _put_in_place(self, left: Document) -> None:
        """Copy the next part unless another process did so, and clean up after the last."""
        following = {**left, "part": left["part"] + 1}
        done = following["part"] == left["parts"]

        def write(session: ClientSession) -> None:
            step = {"$set": {"unfinished": None if done else following}}
            before = {**self._me, "unfinished": left}
            if self._models.update_one(before, step, session=session).matched_count:
                self._write(self._laid_ready(left, session), session)

        self._transact(write)
        if done:
            self._ready.delete_many({"commit": left["commit"]})

    def _laid_ready(self, left: Document, session: ClientSession) -> Rows:
        part = {"commit": left["commit"], "part": left["part"]}
        found = self._ready.find(part, session=session, batch_size=PART + 1)
        return {(one["table"], one["key"]): one["row"] for one in found}

    def _move(
        self,
        checkpoint: Checkpoint,
        session: ClientSession | None = None,
        *,
        unfinished: Document | None = None,
    ) -> None:
        before = {**self._me, "revision": checkpoint.revision - 1, "unfinished": None}
        moved = {"$set": {**_stored(checkpoint), "unfinished": unfinished}}
        if not self._models.update_one(before, moved, session=session).matched_count:
            raise Fenced

    def _write(self, rows: Rows, session: ClientSession) -> None:
        for table, its_rows in _by_table(rows).items():
            self._write_into(self.table(table), its_rows, session)

    def _write_into(
        self, table: Collection[Document], rows: TableRows, session: ClientSession
    ) -> None:
        new = self._insert_new(table, rows, session) if len(rows) >= MANY else set()
        writes = [_write_of(key, row) for key, row in rows.items() if key not in new]
        if writes:
            table.bulk_write(writes, ordered=False, session=session)

    def _insert_new(
        self, table: Collection[Document], rows: TableRows, session: ClientSession
    ) -> set[str]:
        """Insert the rows that are not there yet: an upsert would cost several times as much."""
        wanted = {"_id": {"$in": list(rows)}}
        found = table.find(wanted, {"_id": 1}, session=session, batch_size=len(rows) + 1)
        there = {row["_id"] for row in found}
        new = {key: row for key, row in rows.items() if row is not None and key not in there}
        if new:
            inserts = [{"_id": key, **row} for key, row in new.items()]
            table.insert_many(inserts, ordered=False, session=session)
        return set(new)

    def _transact(
        self, write: Callable[[ClientSession], None], most_tries: int = len(PAUSES)
    ) -> None:
        """Run ``write`` in a transaction, and retry it after a conflict with another one.

        Transactions of killed processes are ended. If the outcome is unknown, the caller finds it
        in the checkpoint.
        """
        for tries, longest in enumerate(PAUSES[:most_tries], start=1):
            try:
                with self._client.start_session() as session:
                    with session.start_transaction(MAJORITY, DURABLE):
                        write(session)
                    return
            except OperationFailure as error:
                _raise_unless_passing(error)
            if tries % TRIES_A_LOOK == 0:
                end_abandoned_transactions(self._client)
            sleep(uniform(0, longest))  # noqa: S311 - only spreads out concurrent writers
        raise Conflicting("MongoDB: the transaction kept conflicting with others")


def _by_table(rows: Rows) -> dict[str, dict[str, Document | None]]:
    tables: dict[str, dict[str, Document | None]] = {}
    for (table, key), row in rows.items():
        tables.setdefault(table, {})[key] = row
    return tables


def _raise_unless_passing(error: OperationFailure) -> None:
    if _codes(error) & TOO_LARGE:
        raise TooLarge from error
    if error.has_error_label("TransientTransactionError"):
        return
    if isinstance(error, BulkWriteError):
        raise ValueError(f"MongoDB refuses rows: {sorted(_codes(error))}") from error
    raise error


def _codes(error: OperationFailure) -> set[Any]:
    problems = (error.details or {}).get("writeErrors", [])
    return {error.code, *(problem["code"] for problem in problems)}


def _write_of(key: str, row: Document | None) -> DeleteOne | UpdateOne:
    """Return the write. Setting fields instead of replacing the row updates fewer indexes."""
    if row is None:
        return DeleteOne({"_id": key})
    return UpdateOne({"_id": key}, {"$set": row}, upsert=True)


def _stored(checkpoint: Checkpoint) -> Document:
    return {
        "revision": checkpoint.revision,
        "positions": dict(checkpoint.positions),
        "parked": sorted(checkpoint.parked),
    }


def _checkpoint(stored: Document) -> Checkpoint:
    return Checkpoint(
        revision=stored["revision"],
        positions=stored["positions"],
        parked=frozenset(stored["parked"]),
    )
