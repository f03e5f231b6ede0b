"""The order in which an instance is copied, and what a restore refuses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO

import pytest

from application.engine.backup import TRIES, BackUp, Restore
from application.ports.backup import BackupPiece, BackupRefused
from application.ports.media_store import MediaUnavailable, NoSuchMedia


class Blob:
    """A blob whose first reads fail."""

    size = 4

    def __init__(self, failures: int) -> None:
        self._failures = failures

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        yield b"fi"
        if self._failures:
            self._failures -= 1
            raise MediaUnavailable("it was replaced")
        yield b"lm"


class Media:
    """Blobs by their key. ``None`` was deleted after the keys were listed."""

    def __init__(self, **blobs: Blob | None) -> None:
        self.blobs = {key.replace("_", "/"): blob for key, blob in blobs.items()}
        self.written: dict[str, bytes] = {}

    def keys(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.blobs if key.startswith(prefix))

    def open(self, key: str) -> Blob:
        found = self.blobs.get(key)
        if found is None:
            raise NoSuchMedia(key)
        return found

    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        self.written[key] = b"".join(chunks)
        return len(self.written[key])

    def delete(self, key: str) -> None:
        del self.blobs[key]

    def clear_away(self) -> None:
        """Nothing is unfinished here."""


class Stores:
    """Stores of one piece, in which something happens at the moment of the snapshot."""

    kind = "sqlite"

    def __init__(self, happens: Callable[[], None] = lambda: None, found: str = "") -> None:
        self._happens = happens
        self._found = found
        self.begun = False
        self.put_in: list[str] = []

    @contextmanager
    def snapshot(self) -> Iterator[Iterator[BackupPiece]]:
        self._happens()
        yield iter([BackupPiece("records/logs", 1, iter([b"l"]))])

    def occupied(self) -> str:
        return self._found

    def begin(self) -> None:
        self.begun = True

    def put(self, piece: BackupPiece) -> None:
        self.put_in.append(piece.name)

    def is_restoring(self) -> bool:
        return self.begun

    def destroyed_since(self) -> set[str]:
        return set()

    def end(self) -> None:
        self.begun = False


class Backup:
    """A backup in memory."""

    name, kind = "klarity-1", "sqlite"

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def add(self, piece: BackupPiece) -> None:
        self.content[piece.name] = b"".join(piece.chunks)
        assert len(self.content[piece.name]) == piece.size

    def spool(self) -> IO[bytes]:
        return BytesIO()

    def pieces(self) -> Iterator[BackupPiece]:
        for name, content in self.content.items():
            yield BackupPiece(name, len(content), iter([content]))


def back_up(media: Media, stores: Stores | None = None) -> list[str]:
    """The names of the pieces, in the order in which they were added."""
    backup, added = Backup(), list[str]()
    BackUp(stores or Stores(), media)(backup, lambda piece: added.append(piece.name))
    assert added == list(backup.content)
    return added


def test_parts_of_uploads_are_copied_before_the_moment_and_all_other_blobs_after_it() -> None:
    media = Media(originals_e1=Blob(0), uploads_e2_a=Blob(0))

    def an_upload_is_completed() -> None:
        del media.blobs["uploads/e2/a"]
        media.blobs |= {"originals/e2": Blob(0), "uploads/e3/b": Blob(0)}

    assert back_up(media, Stores(an_upload_is_completed)) == [
        "media/uploads/e2/a",
        "records/logs",
        "media/uploads/e3/b",
        "media/originals/e1",
        "media/originals/e2",
    ]


def test_a_blob_that_is_deleted_meanwhile_is_left_out() -> None:
    assert back_up(Media(originals_e1=None)) == ["records/logs"]


def test_a_blob_that_is_replaced_meanwhile_is_read_again() -> None:
    assert back_up(Media(originals_e1=Blob(TRIES - 1))) == ["records/logs", "media/originals/e1"]
    with pytest.raises(MediaUnavailable):
        back_up(Media(originals_e1=Blob(TRIES)))


def test_a_restore_empties_the_place_and_fills_it() -> None:
    stores, media, backup = Stores(), Media(originals_old=Blob(0)), Backup()
    backup.content = {"records/logs": b"l", "media/originals/e1": b"film"}
    Restore(stores, media)(backup, lambda _: None)
    assert (stores.begun, stores.put_in) == (True, ["records/logs"])
    assert (media.blobs, media.written) == ({}, {"originals/e1": b"film"})


@pytest.mark.parametrize(
    ("stores", "media"), [(Stores(found="logs"), Media()), (Stores(), Media(originals_e1=Blob(0)))]
)
def test_a_place_in_use_is_refused_unless_it_is_to_be_replaced(
    stores: Stores, media: Media
) -> None:
    restore, backup = Restore(stores, media), Backup()
    backup.content = {"records/logs": b"l"}
    with pytest.raises(BackupRefused, match="--replace"):
        restore.check(backup, replace=False)
    restore.check(backup, replace=True)
    stores.begin()
    restore.check(backup, replace=False)
    stores.end()


def test_a_backup_of_another_kind_of_stores_is_refused() -> None:
    backup = Backup()
    backup.kind = "mongo"
    with pytest.raises(BackupRefused, match="KLARITY_EVENT_STORE=mongo"):
        Restore(Stores(), Media()).check(backup, replace=True)
