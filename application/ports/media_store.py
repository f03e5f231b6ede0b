"""The store of uploads, originals, renditions and posters of evidence."""

import re
from collections.abc import Iterator
from typing import Protocol

from application.ports.unavailable import Unavailable

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+")
_FOLDER = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class MediaLost(Exception):
    """The bytes of a blob cannot be read, and a retry does not help."""


class NoSuchMedia(MediaLost):
    """The store has no blob under this key."""


class MediaErased(NoSuchMedia):
    """The evidence has no encryption key: it was destroyed, or nothing was ever stored."""


class MediaDamaged(MediaLost):
    """The stored bytes were changed, cut off, or exchanged with others."""


class MediaUnavailable(Unavailable):
    """The store is unavailable or full, or the blob changed while it was read."""


def checked_key(key: str) -> str:
    """Return the key if it is valid: two or more parts of letters, digits, ``-`` and ``_``.

    Raises ValueError otherwise, so that no key leads outside the store.
    """
    if not _KEY.fullmatch(key):
        raise ValueError("not a valid key of a media store")
    return key


def checked_prefix(prefix: str) -> str:
    """Return the prefix if keys can begin with it.

    Raises ValueError otherwise."""
    folder, slash, _ = prefix.rpartition("/")
    if slash and not _FOLDER.fullmatch(folder):
        raise ValueError("not a valid prefix of keys of a media store")
    return prefix


class Blob(Protocol):
    """A blob as it was when it was opened."""

    @property
    def size(self) -> int:
        """The size in bytes."""
        ...

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield ``length`` bytes from ``start`` on, in chunks; fewer where the blob ends.

        Raises MediaUnavailable if the blob was replaced or deleted, and MediaLost.
        """
        ...


class MediaStore(Protocol):
    """Blobs under keys ``<kind>/<evidence id>[/<name>]``, written whole and never changed.

    Methods raise ValueError for an invalid key, and MediaUnavailable.
    """

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        """Store the chunks durably under the key, replacing any blob there. Returns the size.

        A reader sees either blob whole. If ``chunks`` raises, the old blob stays. Raises
        MediaErased.
        """
        ...

    def open(self, key: str) -> Blob:
        """Return the blob. Raises NoSuchMedia, MediaErased and MediaDamaged."""
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
