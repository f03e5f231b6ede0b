"""Where uploads, sealed originals and renditions are kept."""

from collections.abc import Iterator
from typing import Protocol


class NoSuchMedia(Exception):
    """Nothing is stored under this key."""


class MediaStore(Protocol):
    """Blobs under keys such as ``originals/<id>``, written whole and never changed."""

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        """Store the chunks durably under the key, in place of what was there; returns their size.

        A reader sees the old blob or the new one, never a part; when ``chunks`` raises, the old.
        """
        ...

    def size(self, key: str) -> int:
        """In bytes. Raises NoSuchMedia."""
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` on, in chunks. Raises NoSuchMedia, before the first chunk."""
        ...

    def delete(self, key: str) -> None:
        """Delete the blob, if there is one."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with the prefix, sorted."""
        ...
