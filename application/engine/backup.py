"""Back up an instance while it runs, and restore it."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import IO

from application.ports.backup import (
    BackupPiece,
    BackupRefused,
    InstanceStores,
    NewBackup,
    StoredBackup,
)
from application.ports.media_store import MediaStore, MediaUnavailable, NoSuchMedia

MEDIA = "media/"
PASSING = "uploads/"
"""How the keys of blobs begin that are deleted without an erasure: the parts of uploads."""
CHUNK = 1024 * 1024
TRIES = 3


class BackUp:
    """Copies everything into a new backup.

    All stores but that of media are copied as they were at one moment, so they fit together as
    after a kill at that moment. Blobs do not change. They are copied after the moment, so that no
    blob is missing that an event names; parts of uploads are copied before it as well, because they
    are deleted when their upload is complete. An erasure deletes blobs, too, but destroys their key
    first.
    """

    def __init__(self, stores: InstanceStores, media: MediaStore) -> None:
        self._stores = stores
        self._media = media

    def __call__(self, backup: NewBackup, added: Callable[[BackupPiece], None]) -> None:
        """Add all pieces to the backup. ``added`` is called after each."""

        def add(piece: BackupPiece) -> None:
            backup.add(piece)
            added(piece)

        copied = self._copy(self._media.keys(PASSING), backup.spool, add)
        with self._stores.snapshot() as pieces:
            for piece in pieces:
                add(piece)
        late = dict.fromkeys(chain(self._media.keys(PASSING), self._media.keys("")))
        self._copy((key for key in late if key not in copied), backup.spool, add)

    def _copy(
        self,
        keys: Iterator[str],
        spool: Callable[[], IO[bytes]],
        add: Callable[[BackupPiece], None],
    ) -> set[str]:
        """Add the blobs that are still there. Returns their keys.

        Each is copied to a file first, encrypted as it is stored: the read may fail halfway, but an
        archive is written once. The folder of temporary files would be too small for a video.
        """
        copied = set()
        for key in keys:
            with spool() as file:
                if (size := self._read(key, file)) is not None:
                    file.seek(0)
                    add(BackupPiece(f"{MEDIA}{key}", size, _chunks(file)))
                    copied.add(key)
        return copied

    def _read(self, key: str, file: IO[bytes]) -> int | None:
        """Copy a blob to the file. Returns its size, or None if it was deleted meanwhile."""
        left = TRIES
        while True:
            file.seek(0)
            file.truncate()
            try:
                for chunk in self._media.open(key).read():
                    file.write(chunk)
                return file.tell()
            except NoSuchMedia:
                return None
            except MediaUnavailable:
                left -= 1
                if not left:
                    raise


class Restore:
    """Checks a backup, and then writes it into stores."""

    def __init__(self, stores: InstanceStores, media: MediaStore) -> None:
        self._stores = stores
        self._media = media

    def check(self, backup: StoredBackup, *, replace: bool) -> None:
        """Read the whole backup, and look whether it can be restored here. Changes nothing."""
        if backup.kind != self._stores.kind:
            raise BackupRefused(
                f"{backup.name} is of an instance with the event store {backup.kind}: set "
                f"KLARITY_EVENT_STORE={backup.kind}."
            )
        found = self._stores.occupied() or (next(self._media.keys(""), "") and "media")
        if found and not replace and not self._stores.is_restoring():
            raise BackupRefused(
                f"There is an instance already: {found}. --replace deletes it for good."
            )
        for piece in backup.pieces():
            for _ in piece.chunks:
                pass

    def __call__(self, backup: StoredBackup, added: Callable[[BackupPiece], None]) -> None:
        """Replace all that is stored by the backup. The stores stay marked as not restored yet."""
        self._stores.begin()
        for key in list(self._media.keys("")):
            self._media.delete(key)
        for piece in backup.pieces():
            if piece.name.startswith(MEDIA):
                self._media.write(piece.name.removeprefix(MEDIA), piece.chunks)
            else:
                self._stores.put(piece)
            added(piece)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
