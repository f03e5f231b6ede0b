"""The stores of an instance in MongoDB, with the file of epochs."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from adapters.backup.files import reporting
from adapters.key_vault.epochs import EpochFile
from adapters.mongo import Document
from application.ports.backup import DESTROYED, KEYS, BackupPiece, BackupRefused

MARK = "restoring"
LEASES = "leases"
OF_KEYS = ("keys", "later_erasures")
LEFT_OUT = ("media.", "system.", "read_models", "live_read_models", "rows.", "ready.", LEASES, MARK)
"""How the names of collections begin that are not copied: media are copied by their own port, and
read models are made again."""
EPOCHS = f"{KEYS}epochs"
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
SNAPSHOT_TOO_OLD = 239


class MongoStores:
    """The collections of a database, and the epochs where they are."""

    kind = "mongo"

    def __init__(self, database: Database[Document], epochs: Path, search: Path | None) -> None:
        self._database = database
        self._epochs = epochs
        self._search = search
        self._destroyed: set[str] = set()

    @contextmanager
    def snapshot(self) -> Iterator[Iterator[BackupPiece]]:
        """Yield the pieces of one moment: that of the first read of a snapshot session.

        Epochs are not replaced in that moment. Writers do not wait.
        """
        with self._reporting(), self._database.client.start_session(snapshot=True) as session:
            with reporting(self._epochs), EpochFile(self._epochs).locked():
                self._collection("keys").find_one({}, session=session)
                epochs = self._epochs.read_bytes()
            yield self._pieces(session, epochs)

    def occupied(self) -> str:
        with self._reporting():
            names = [name for name in self._names() if name != MARK]
            found = [name for name in names if self._database[name].find_one({}, {"_id": 1})]
        epochs = [str(self._epochs)] if self._epochs.exists() else []
        return ", ".join(sorted(found) + epochs)

    def begin(self) -> None:
        with self._reporting():
            self._must_be_stopped()
            self._database[MARK].replace_one({"_id": MARK}, {"_id": MARK}, upsert=True)
            for name in self._names():
                if name != MARK:
                    self._database[name].drop()
        with reporting(self._epochs):
            EpochFile(self._epochs).erase()
        if self._search:
            shutil.rmtree(self._search, ignore_errors=True)

    def put(self, piece: BackupPiece) -> None:
        content = b"".join(piece.chunks)
        if piece.name == EPOCHS:
            with reporting(self._epochs):
                EpochFile(self._epochs).restore([content])
        elif piece.name == DESTROYED:
            self._destroyed = set(json.loads(content))
        else:
            self._put_documents(piece.name.split("/")[1], content)

    def _put_documents(self, name: str, content: bytes) -> None:
        collection = self._database.get_collection(name, codec_options=RAW)
        documents = bson.decode_all(content, RAW)
        with self._reporting():
            collection.insert_many(documents, ordered=False)

    def is_restoring(self) -> bool:
        with self._reporting():
            return self._database[MARK].find_one() is not None

    def destroyed_since(self) -> set[str]:
        with self._reporting():
            return set(self._destroyed_keys(None)) - self._destroyed

    def end(self) -> None:
        with self._reporting():
            self._database[MARK].delete_many({})

    def _pieces(self, session: ClientSession, epochs: bytes) -> Iterator[BackupPiece]:
        destroyed = json.dumps(self._destroyed_keys(session)).encode()
        for name, content in ((EPOCHS, epochs), (DESTROYED, destroyed)):
            yield BackupPiece(name, len(content), iter([content]))
        names = [name for name in self._names() if not name.startswith(LEFT_OUT)]
        for name in sorted(names, key=lambda name: (name not in OF_KEYS, name)):
            group = KEYS if name in OF_KEYS else "records/"
            with closing(self._collection(name).find_raw_batches({}, session=session)) as batches:
                for number, batch in enumerate(each for each in batches if each):
                    yield BackupPiece(f"{group}{name}/{number}", len(batch), iter([batch]))

    def _destroyed_keys(self, session: ClientSession | None) -> list[str]:
        found = self._collection("keys").find({"wrapped": b""}, {"_id": 1}, session=session)
        return sorted(key["_id"] for key in found)

    def _collection(self, name: str) -> Any:
        """Return the collection without the usual read concern: the session has its own."""
        return self._database.get_collection(name, read_concern=ReadConcern())

    def _names(self) -> list[str]:
        return [n for n in self._database.list_collection_names() if not n.startswith("system.")]

    def _must_be_stopped(self) -> None:
        running = {"$expr": {"$gt": ["$until", "$$NOW"]}}
        if self._database[LEASES].find_one(running):
            raise BackupRefused(
                "Processes of this instance are running: stop all of them, and try again in a "
                "minute."
            )

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OperationFailure as error:
            if error.code == SNAPSHOT_TOO_OLD:
                raise BackupRefused(
                    "MongoDB no longer has the snapshot: the backup took longer than five minutes. "
                    "Back up to a faster disk, or raise minSnapshotHistoryWindowInSeconds."
                ) from error
            raise BackupRefused(f"MongoDB: error {error.code}") from error
        except PyMongoError as error:
            raise BackupRefused(f"MongoDB: {type(error).__name__}") from error
