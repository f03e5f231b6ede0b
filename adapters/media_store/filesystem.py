"""Blobs as files below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from application.ports.media_store import NoSuchMedia

CHUNK = 1 << 16
UNFINISHED = ".unfinished-"


class FilesystemMediaStore:
    """Each blob is written beside its place and renamed into it, so that it is there or not."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=UNFINISHED, delete=False) as file:
            try:
                size = sum(file.write(chunk) for chunk in chunks)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
        _sync(path.parent)
        return size

    def size(self, key: str) -> int:
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            raise NoSuchMedia(key) from None

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        try:
            file = self._path(key).open("rb")
        except FileNotFoundError:
            raise NoSuchMedia(key) from None
        return _chunks(file, start, length)

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        found = (path for path in self._root.rglob("*") if path.is_file())
        named = (
            str(path.relative_to(self._root))
            for path in found
            if not path.name.startswith(UNFINISHED)
        )
        return iter(sorted(key for key in named if key.startswith(prefix)))

    def _path(self, key: str) -> Path:
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root) or path == self._root:
            raise ValueError("a key stays below its store")
        return path


def _chunks(file: BinaryIO, start: int, length: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            chunk = file.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            yield chunk


def _sync(folder: Path) -> None:
    """Make a rename durable: the folder's entry is data as well."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
