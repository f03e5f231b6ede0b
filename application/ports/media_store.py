"""Where uploads, sealed originals and renditions are kept."""

import re
from collections.abc import Iterator
from typing import Protocol

from application.ports.unavailable import Unavailable

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class NoSuchMedia(Exception):
    """Nothing is stored under this key."""


class MediaUnavailable(Unavailable):
    """The store cannot be reached or is full, or the blob changed while it was being read."""


def checked_key(key: str) -> str:
    """Return the key, if it is one: letters, digits, ``-`` and ``_`` in parts joined by ``/``.

    Raises ValueError, so that no key ever leads out of a store.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("this is no key of a media store")
    return key


def checked_prefix(prefix: str) -> str:
    """What keys may begin with: as ``checked_key`` up to the last ``/``."""
    folder, slash, _ = prefix.rpartition("/")
    if slash:
        checked_key(folder)
    return prefix


class MediaStore(Protocol):
    """Blobs under keys such as ``originals/<id>``, written whole and never changed.

    Methods raise ValueError for what is no key, and MediaUnavailable.
    """

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        """Store the chunks durably under the key, in place of what was there; returns their size.

        A reader sees the old blob or the new one, never a part; when ``chunks`` raises, the old.
        """
        ...

    def size(self, key: str) -> int:
        """In bytes. Raises NoSuchMedia."""
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes from ``start`` on, in chunks. Raises NoSuchMedia, before the first chunk."""
        ...

    def delete(self, key: str) -> None:
        """Delete the blob, if there is one."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Return the keys that begin with the prefix, sorted."""
        ...

    def clear_away(self) -> None:
        """Delete what killed writers left unfinished, as soon as it can be told that they were."""
        ...
