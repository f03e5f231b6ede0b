"""Where a build of a search index is kept: in memory, or in a folder that processes share."""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from shutil import rmtree
from threading import Lock, RLock
from typing import Any, Protocol

import tantivy

from adapters.disk import sync_folder
from adapters.search_index.sealing import GRACE_SECONDS, UNSEALED, FolderSeal, Remains
from adapters.search_index.tantivy_schema import Schema
from application.ports.checkpoints import START, Checkpoint
from application.ports.event_store import StoreUnavailable

_META = "meta.json"
_CHECKPOINT = ".checkpoint"
# Bytes of memory: the least that tantivy takes. A batch that needs more becomes several segments.
_HEAP = 15_000_000

_log = logging.getLogger(__name__)


@contextmanager
def unavailable() -> Iterator[None]:
    """Raise StoreUnavailable for what tantivy reports as a ValueError, such as a full disk."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise StoreUnavailable("the search index cannot be read or written") from error


class StoredBuild(Protocol):
    """One index and its checkpoint."""

    index: tantivy.Index

    def exclusive(self) -> AbstractContextManager[Any]:
        """Return a context in which no other thread or process writes."""
        ...

    def exists(self) -> bool: ...

    def create(self) -> None:
        """Make the build exist, in place of files that cannot be read."""
        ...

    def searcher(self) -> tantivy.Searcher:
        """Return a view of what is committed now."""
        ...

    def writer(self) -> tantivy.IndexWriter: ...

    def checkpoint(self) -> Checkpoint: ...

    def announce(self, checkpoint: Checkpoint) -> None:
        """Store the checkpoint that becomes valid with the next commit of the index."""
        ...

    def committed(self) -> None:
        """Drop what the last commit replaced."""
        ...

    def dirty(self) -> frozenset[int] | None:
        """Return the numbers of the segments with deleted rows. None if they are not known."""
        ...

    def hold(self) -> None:
        """Hold the files that the index may delete, so that they can be overwritten."""
        ...

    def overwrite(self) -> None:
        """Overwrite the files that the index has deleted, once nobody reads them any more."""
        ...

    def drop(self) -> None: ...


class InMemory:
    """A build that ends with its process."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._lock = RLock()
        self.drop()

    def exclusive(self) -> AbstractContextManager[Any]:
        return self._lock

    def exists(self) -> bool:
        return self._exists

    def create(self) -> None:
        self._exists = True

    def searcher(self) -> tantivy.Searcher:
        return self.index.searcher()

    def writer(self) -> tantivy.IndexWriter:
        return self.index.writer(_HEAP, 1)

    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    def announce(self, checkpoint: Checkpoint) -> None:
        self._announced = checkpoint

    def committed(self) -> None:
        self.index.reload()
        self._checkpoint = self._announced

    def dirty(self) -> None:
        return None

    def hold(self) -> None:
        """Hold nothing: there are no files."""

    def overwrite(self) -> None:
        """Overwrite nothing: there are no files."""

    def drop(self) -> None:
        self.index = tantivy.Index(self._schema.columns)
        self._schema.prepare(self.index)
        self._checkpoint = self._announced = START
        self._exists = False


class InFolder:
    """A build in a folder of its own, with a file for the lock beside it.

    The index numbers its commits. A checkpoint is a file named after the commit before its own, so
    it is valid from the moment in which the index makes its commit. The last valid one counts.
    """

    def __init__(self, folder: Path, schema: Schema, seal: FolderSeal = UNSEALED) -> None:
        self._folder = folder
        self._schema = schema
        self._seal = seal
        self._remains = Remains(folder)
        self._opening = Lock()
        self._seen: tuple[int, int] | None = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._folder.with_name(f"{self._folder.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.hold()
            yield
            self.hold()
            self._remains.overwrite_sometimes()

    def exists(self) -> bool:
        return (self._folder / _META).exists()

    def create(self) -> None:
        with self._opening:
            try:
                self._open()
            except (ValueError, TypeError, KeyError) as error:
                _log.warning("A search index is rebuilt, for it cannot be read", exc_info=error)
                self.drop()
                self._open()

    def _open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._seal.mark(self._folder)
        if self._schema.indexes or not self.exists():
            self.index = tantivy.Index(self._schema.columns, str(self._folder))
        else:  # It has the columns of another program.
            self.index = tantivy.Index.open(str(self._folder))
        self._schema.prepare(self.index)
        self.index.reload()
        self._seen = None
        if self._commit():
            self.checkpoint()

    def searcher(self) -> tantivy.Searcher:
        with self._opening, unavailable():
            try:
                found = (self._folder / _META).stat()
            except FileNotFoundError:
                # The build was dropped.
                return tantivy.Index(self._schema.columns).searcher()
            if self._seen != (seen := (found.st_mtime_ns, found.st_ino)):
                self.index.reload()
                self._seen = seen
            return self.index.searcher()

    def writer(self) -> tantivy.IndexWriter:
        # An index lists its files when it is opened, and deletes only those that it has listed.
        index = tantivy.Index(self._schema.columns, str(self._folder))
        self._schema.prepare(index)
        writer = index.writer(_HEAP, 1)
        # A writer that was killed leaves files of its commit, under names that are needed again.
        writer.garbage_collect_files()
        return writer

    def checkpoint(self) -> Checkpoint:
        while self.exists():
            commit = self._commit()
            valid = [before for before in self._checkpoints() if before < commit]
            if not valid:
                return START
            try:
                stored = json.loads(self._file(max(valid)).read_bytes())
            except FileNotFoundError:
                # A later commit replaced it.
                continue
            return Checkpoint(**{**stored, "parked": frozenset(stored["parked"])})
        return START

    def announce(self, checkpoint: Checkpoint) -> None:
        stored = {
            "revision": checkpoint.revision,
            "positions": dict(checkpoint.positions),
            "parked": sorted(checkpoint.parked),
        }
        _write(self._file(self._commit()), json.dumps(stored).encode())

    def committed(self) -> None:
        commit = self._commit()
        valid = [before for before in self._checkpoints() if before < commit]
        for before in sorted(valid)[:-1]:
            self._file(before).unlink(missing_ok=True)

    def dirty(self) -> frozenset[int]:
        segments = json.loads((self._folder / _META).read_bytes())["segments"]
        return frozenset(
            number for number, segment in enumerate(segments) if segment["deletes"] is not None
        )

    def hold(self) -> None:
        if self._folder.exists():
            self._remains.hold()

    def overwrite(self) -> None:
        time.sleep(GRACE_SECONDS)
        self._remains.overwrite(GRACE_SECONDS)

    def drop(self) -> None:
        self.hold()
        # Without its first file the index no longer exists, whatever happens to the others.
        (self._folder / _META).unlink(missing_ok=True)
        rmtree(self._folder, ignore_errors=True)
        self._remains.overwrite(0)

    def _commit(self) -> int:
        """Return the number of the last commit of the index."""
        number: int = json.loads((self._folder / _META).read_bytes())["opstamp"]
        return number

    def _checkpoints(self) -> list[int]:
        return [int(file.stem) for file in self._folder.glob(f"*{_CHECKPOINT}")]

    def _file(self, before: int) -> Path:
        return self._folder / f"{before}{_CHECKPOINT}"


def _write(path: Path, content: bytes) -> None:
    """Replace a file durably."""
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    sync_folder(path.parent)
