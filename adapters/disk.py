"""Write to the disk so that it lasts, or so that nothing is left."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

CHUNK = 1024 * 1024


def chunks_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of the file."""
    while chunk := file.read(CHUNK):
        yield chunk


def replace_file(path: Path, chunks: Iterable[bytes], prefix: str) -> None:
    """Write the file durably: after a crash it is as before or new.

    A process that is killed leaves a file whose name begins with ``prefix``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = NamedTemporaryFile(dir=path.parent, prefix=prefix, delete=False)  # noqa: SIM115 - ``_fill`` closes it
    try:
        _fill(file, chunks)
        Path(file.name).replace(path)
    except BaseException:
        Path(file.name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _fill(file: IO[bytes], chunks: Iterable[bytes]) -> None:
    with file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def overwrite_and_remove(path: Path) -> None:
    """Overwrite the file with zeros and remove it. Raises FileNotFoundError."""
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        for start in range(0, size, CHUNK):
            file.write(bytes(min(CHUNK, size - start)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
