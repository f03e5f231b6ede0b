"""Store blobs as files in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from adapters.disk import sync_folder
from application.ports.media_store import (
    Blob,
    MediaUnavailable,
    NoSuchMedia,
    checked_key,
    checked_prefix,
)

CHUNK = 1 << 16
SUFFIX = ".blob"
UNFINISHED = ".unfinished"
MOST_TRIES = 100


class FilesystemMediaStore:
    """One file per blob. Its path below the root is the key with a suffix.

    Processes can share the folder. A writer locks its unfinished file; the lock ends with the
    process.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / UNFINISHED
        with _disk():
            _make(self._unfinished)

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        path = self._path(key)
        with _disk():
            file = self._begin()
        try:
            with _closed_at_last(file):
                size = _fill(file, chunks)
                with _disk():
                    _publish(Path(file.name), path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
        return size

    def open(self, key: str) -> Blob:
        path = self._path(key)
        with _disk(), _present(key):
            return _File(path, path.stat())

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _disk():
            try:
                path.unlink()
            except FileNotFoundError:
                return
            _sync(path.parent)
            self._remove_empty(path.parent)

    def keys(self, prefix: str) -> Iterator[str]:
        folder = self._root / checked_prefix(prefix).rpartition("/")[0]
        with _disk():
            paths = [path.relative_to(self._root) for path in _files(folder)]
        found = (path.as_posix().removesuffix(SUFFIX) for path in paths)
        yield from sorted(key for key in found if key.startswith(prefix))

    def clear_away(self) -> None:
        with _disk():
            for path in self._unfinished.iterdir():
                with suppress(FileNotFoundError), path.open("rb") as file:
                    if _is_abandoned(file):
                        path.unlink()

    def _begin(self) -> IO[bytes]:
        while True:
            file = NamedTemporaryFile(dir=self._unfinished, delete=False)  # noqa: SIM115 - it outlives this block
            fcntl.flock(file, fcntl.LOCK_EX)
            # Before it was locked, another process may have taken it for abandoned and removed it.
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()

    def _path(self, key: str) -> Path:
        return self._root / f"{checked_key(key)}{SUFFIX}"

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:  # It is not empty, or another process has removed it.
                return
            folder = folder.parent


class _File:
    """A blob in a file."""

    def __init__(self, path: Path, found: os.stat_result) -> None:
        self._path = path
        self._revision = _revision(found)
        self.size = found.st_size

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        with _disk():
            file = self._path.open("rb")
        with file:
            if _revision(os.fstat(file.fileno())) != self._revision:
                raise MediaUnavailable("media folder: the blob was replaced while it was read")
            file.seek(start)
            left = self.size if length is None else length
            while left > 0 and (chunk := _read(file, min(CHUNK, left))):
                left -= len(chunk)
                yield chunk


def _revision(found: os.stat_result) -> tuple[int, int, int]:
    """Return what tells a file from the one that replaced it, which may have its inode."""
    return found.st_ino, found.st_mtime_ns, found.st_size


def _is_abandoned(file: IO[bytes]) -> bool:
    """Lock the file and return True, or return False if its writer holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _closed_at_last(file: IO[bytes]) -> Iterator[None]:
    """Close the file, ignoring a full disk: a write has raised the error before."""
    try:
        yield
    finally:
        with suppress(OSError):
            file.close()


def _fill(file: IO[bytes], chunks: Iterator[bytes]) -> int:
    """Write the chunks durably. Errors of ``chunks`` are raised unchanged, not as the disk's."""
    size = 0
    for chunk in chunks:
        with _disk():
            file.write(chunk)
        size += len(chunk)
    with _disk():
        file.flush()
        os.fsync(file.fileno())
    return size


def _publish(file: Path, path: Path) -> None:
    for _ in range(MOST_TRIES):
        # A process that deletes the last blob of a folder also deletes the folder: perhaps while
        # this one makes it, or before the file is in it.
        with suppress(FileNotFoundError, FileExistsError):
            _make(path.parent)
            file.replace(path)
            _sync(path.parent)
            return
    raise MediaUnavailable("media folder: another process keeps removing the folder of the blob")


def _files(folder: Path) -> Iterator[Path]:
    """Yield the paths of the blobs below a folder. A folder removed meanwhile yields none."""
    for parent, _, names in os.walk(folder, onerror=_raise_unless_removed):
        yield from (Path(parent, name) for name in names if name.endswith(SUFFIX))


def _raise_unless_removed(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _make(folder: Path) -> None:
    """Make a folder and its parents durably, readable by this user only."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    """Make the entries of a folder durable, if nobody has removed it."""
    with suppress(FileNotFoundError):
        sync_folder(folder)


def _read(file: IO[bytes], size: int) -> bytes:
    with _disk():
        return file.read(size)


@contextmanager
def _disk() -> Iterator[None]:
    """Raise MediaUnavailable if the disk is full or missing."""
    try:
        yield
    except OSError as error:
        raise MediaUnavailable(f"media folder: {os.strerror(error.errno or 0)}") from error


@contextmanager
def _present(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NoSuchMedia(key) from None
