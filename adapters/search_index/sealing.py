"""What a stolen folder must not tell: documents are sealed, and deleted files are overwritten."""

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.aead import decrypt, encrypt
from adapters.disk import overwrite_and_remove

GRACE_SECONDS: Final = 2.0
"""How long a reader may still read a deleted file: longer than any search lasts."""

OVERWRITE_SECONDS: Final = 30.0
"""How often deleted files are overwritten: each must reach the disk."""

_BOUND = b"search index"
_MARK = "key"
_SEGMENT = re.compile(r"[0-9a-f]{32}\..+")


class FolderSeal:
    """Seals documents with a 256-bit key; without one, it leaves them as they are."""

    def __init__(self, key: bytes | None) -> None:
        self._cipher = AESGCM(key) if key else None

    def close(self, plain: bytes) -> bytes:
        return encrypt(self._cipher, plain, _BOUND) if self._cipher else plain

    def open(self, sealed: bytes) -> bytes:
        """Return the document. Raises ValueError if another key sealed it."""
        try:
            return decrypt(self._cipher, sealed, _BOUND) if self._cipher else sealed
        except InvalidTag as error:
            raise ValueError("another key sealed this document") from error

    def mark(self, folder: Path) -> None:
        """Mark the folder as sealed with this key. Raises ValueError if it has another one."""
        mark = folder / _MARK
        with suppress(FileNotFoundError):
            self.open(mark.read_bytes())
            return
        mark.write_bytes(self.close(b""))


UNSEALED: Final = FolderSeal(None)


class Remains:
    """Holds the files of an index by a second name until nobody needs them, and overwrites them.

    An engine deletes its files itself. In the blocks of a deleted file are the words of documents
    that were deleted or replaced.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = folder.with_name(f"{folder.name}.remains")
        self._overwritten_at = time.monotonic()

    def hold(self) -> None:
        """Hold all files of the index, before the engine can delete one."""
        self._held.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = set(os.listdir(self._held))
        for name in os.listdir(self._folder):
            if name not in held and _SEGMENT.fullmatch(name):
                with suppress(FileNotFoundError, FileExistsError):
                    os.link(self._folder / name, self._held / name)

    def overwrite_sometimes(self) -> None:
        """Overwrite the files that the engine deleted, unless that was done a moment ago."""
        if time.monotonic() - self._overwritten_at >= OVERWRITE_SECONDS:
            self.overwrite(GRACE_SECONDS)

    def overwrite(self, older_than: float) -> None:
        """Overwrite the files that the engine deleted so many seconds ago."""
        now, self._overwritten_at = time.time(), time.monotonic()
        for path in self._held.glob("*"):
            with suppress(FileNotFoundError):
                found = path.stat()
                if found.st_nlink == 1 and now - found.st_ctime >= older_than:
                    path.chmod(0o600)
                    overwrite_and_remove(path)
