"""The store of uploads, sealed originals and renditions."""

import re
from collections.abc import Iterator
from typing import Protocol

from application.ports.unavailable import Unavailable

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class NoSuchMedia(Exception):
    """The store has no blob under this key."""


class MediaUnavailable(Unavailable):
    """The store is unavailable or full, or the blob changed while it was read."""


def checked_key(key: str) -> str:
    """Return the key if it is valid: letters, digits, ``-`` and ``_`` in parts joined by ``/``.

    Raises ValueError otherwise, so that no key leads outside the store.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("not a valid key of a media store")
    return key


def checked_prefix(prefix: str) -> str:
    """Return the prefix if keys can begin with it: ``checked_key`` accepts it up to the last ``/``.

    Raises ValueError otherwise."""
    folder, slash, _ = prefix.rpartition("/")
    if slash:
        checked_key(folder)
    return prefix


class MediaStore(Protocol):
    """Blobs under keys such as ``originals/<id>``, written whole and never changed.

    Methods raise ValueError for an invalid key, and MediaUnavailable.
    """

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        """Store the chunks durably under the key, replacing any blob there. Returns the size.

        A reader sees either blob whole. If ``chunks`` raises, the old blob stays.
        """
        ...

    def size(self, key: str) -> int:
        """Return the size in bytes. Raises NoSuchMedia."""
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return ``length`` bytes from ``start`` on, in chunks. Raises NoSuchMedia at the call."""
        ...

    def delete(self, key: str) -> None:
        """Delete the blob, if there is one."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Return the keys that begin with the prefix, sorted."""
        ...

    def clear_away(self) -> None:
        """Delete the unfinished blobs of killed writers, once no writer can be alive."""
        ...
