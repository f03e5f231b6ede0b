"""What all MediaStores promise, and how each removes unfinished blobs."""

import fcntl
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from pymongo.database import Database

from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.gridfs import GridFsMediaStore
from adapters.mongo import Document
from application.ports.media_store import MediaStore, MediaUnavailable, NoSuchMedia
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

BIG = bytes(range(256)) * 4096  # 1 MiB: several chunks of every adapter
NO_KEYS = [
    "",
    "/",
    "a",
    "/etc/passwd",
    "..",
    "../a",
    "a/../../b",
    "a//b",
    "a/",
    "a/./b",
    ".unfinished/a",
    "a\\..\\b",
    "a\x00b",
    "a\n",
    "é",
]


class Stores(Protocol):
    """Stores that share one place."""

    @property
    def place(self) -> Sequence[str]:
        """Where it is, in words for another process."""
        ...

    def open(self) -> MediaStore: ...


class Broken(Exception):
    pass


def chunks(content: bytes, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def broken_off() -> Iterator[bytes]:
    yield BIG
    raise Broken


def content(media: MediaStore, key: str) -> bytes:
    return b"".join(media.open(key).read())


def write_until_killed(stores: Stores, key: str) -> None:
    command = [sys.executable, "-m", "tests.contracts.media_writer", key, *stores.place]
    died = subprocess.run(command, check=False, timeout=600)
    assert died.returncode == -signal.SIGKILL


class MediaStoreContract:
    @pytest.fixture
    def media(self, stores: Stores) -> MediaStore:
        return stores.open()

    @pytest.mark.parametrize("blob", [b"", b"x", BIG])
    def test_a_written_blob_is_read(self, media: MediaStore, blob: bytes) -> None:
        assert media.write("originals/1", chunks(blob)) == len(blob)
        assert content(media, "originals/1") == blob
        assert media.open("originals/1").size == len(blob)

    def test_a_blob_is_read_through_another_store(self, stores: Stores) -> None:
        stores.open().write("originals/1", chunks(BIG))
        assert content(stores.open(), "originals/1") == BIG

    def test_a_later_write_replaces_an_earlier_one(self, media: MediaStore) -> None:
        for blob in (b"first and longer", b"second", b"third"):
            media.write("originals/1", chunks(blob))
        assert content(media, "originals/1") == b"third"
        assert media.open("originals/1").size == 5

    def test_a_reader_never_sees_parts_of_two_blobs(self, media: MediaStore) -> None:
        media.write("originals/1", chunks(BIG))
        reading = media.open("originals/1").read()
        read = next(reading)
        media.write("originals/1", chunks(BIG[::-1]))
        try:
            read += b"".join(reading)
        except MediaUnavailable:
            assert BIG.startswith(read)
        else:
            assert read == BIG
        assert content(media, "originals/1") == BIG[::-1]

    def test_reading_a_blob_replaced_after_it_was_opened_mixes_no_bytes(
        self, media: MediaStore
    ) -> None:
        media.write("originals/1", chunks(BIG))
        for size in (len(BIG), 10):
            opened = media.open("originals/1")
            media.write("originals/1", chunks(BIG[:size][::-1]))
            with pytest.raises(MediaUnavailable):
                list(opened.read())
        assert list(media.open("originals/1").read()) == [BIG[:10][::-1]]

    def test_reading_a_blob_deleted_after_it_was_opened_fails(self, media: MediaStore) -> None:
        media.write("originals/1", chunks(BIG))
        opened = media.open("originals/1")
        media.delete("originals/1")
        with pytest.raises(MediaUnavailable):
            list(opened.read())

    def test_an_interrupted_write_keeps_the_old_blob(self, media: MediaStore) -> None:
        media.write("originals/1", chunks(b"old"))
        with pytest.raises(Broken):
            media.write("originals/1", broken_off())
        assert content(media, "originals/1") == b"old"

    def test_an_interrupted_first_write_leaves_no_blob(self, media: MediaStore) -> None:
        with pytest.raises(Broken):
            media.write("originals/1", broken_off())
        with pytest.raises(NoSuchMedia):
            media.open("originals/1")
        assert list(media.keys("")) == []

    def test_errors_of_the_chunks_are_raised_unchanged(self, media: MediaStore) -> None:
        def cut_off() -> Iterator[bytes]:
            yield b"some"
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            media.write("originals/1", cut_off())

    def test_a_killed_writer_keeps_the_old_blob(self, stores: Stores) -> None:
        stores.open().write("originals/1", chunks(b"old"))
        write_until_killed(stores, "originals/1")
        write_until_killed(stores, "originals/2")
        media = stores.open()
        assert content(media, "originals/1") == b"old"
        assert list(media.keys("")) == ["originals/1"]
        media.write("originals/1", chunks(b"new"))
        assert content(media, "originals/1") == b"new"

    def test_clearing_away_keeps_blobs_and_unfinished_writes(self, stores: Stores) -> None:
        def watched() -> Iterator[bytes]:
            yield BIG
            stores.open().clear_away()
            yield BIG

        stores.open().write("originals/1", chunks(b"x"))
        assert stores.open().write("originals/2", watched()) == 2 * len(BIG)
        stores.open().clear_away()
        assert content(stores.open(), "originals/1") == b"x"
        assert content(stores.open(), "originals/2") == 2 * BIG

    @pytest.mark.parametrize("start", [0, 1, 65_536, 300_000, len(BIG) - 1, len(BIG), 2 * len(BIG)])
    @pytest.mark.parametrize("length", [None, 0, 1, 65_537, 300_000, 2 * len(BIG)])
    def test_any_range_can_be_read(self, media: MediaStore, start: int, length: int | None) -> None:
        media.write("renditions/1", chunks(BIG, 100_000))
        expected = BIG[start:] if length is None else BIG[start : start + length]
        assert b"".join(media.open("renditions/1").read(start, length)) == expected

    def test_a_missing_blob_raises_no_such_media(self, media: MediaStore) -> None:
        with pytest.raises(NoSuchMedia):
            media.open("renditions/1")

    def test_a_deleted_blob_is_gone(self, media: MediaStore) -> None:
        media.delete("renditions/1")
        media.write("renditions/1", chunks(BIG))
        media.write("renditions/2", chunks(b"other"))
        media.delete("renditions/1")
        with pytest.raises(NoSuchMedia):
            media.open("renditions/1")
        assert list(media.keys("")) == ["renditions/2"]

    def test_keys_are_listed_by_prefix_and_sorted(self, media: MediaStore) -> None:
        for key in ("uploads/b/2", "uploads/b/1", "uploads/a/9", "uploads-b/1", "originals/b"):
            media.write(key, chunks(b"x"))
        assert list(media.keys("uploads/")) == ["uploads/a/9", "uploads/b/1", "uploads/b/2"]
        assert list(media.keys("uploads/b")) == ["uploads/b/1", "uploads/b/2"]
        assert list(media.keys("up")) == [
            "uploads-b/1",
            "uploads/a/9",
            "uploads/b/1",
            "uploads/b/2",
        ]
        assert list(media.keys("nothing/like/it")) == []

    def test_one_key_may_be_a_prefix_of_another(self, media: MediaStore) -> None:
        media.write("a/b", chunks(b"1"))
        media.write("a/b/c", chunks(b"2"))
        media.write("a/b/c/d", chunks(b"3"))
        assert [content(media, key) for key in media.keys("")] == [b"1", b"2", b"3"]

    @pytest.mark.parametrize("key", NO_KEYS)
    def test_an_invalid_key_is_refused(self, media: MediaStore, key: str) -> None:
        with pytest.raises(ValueError, match="key"):
            media.write(key, chunks(b"x"))
        with pytest.raises(ValueError, match="key"):
            media.open(key)
        with pytest.raises(ValueError, match="key"):
            media.delete(key)

    @pytest.mark.parametrize("prefix", ["../", "/", "a/../", "a//b"])
    def test_an_invalid_prefix_is_refused(self, media: MediaStore, prefix: str) -> None:
        with pytest.raises(ValueError, match="key"):
            list(media.keys(prefix))

    def test_of_many_concurrent_writers_one_blob_is_kept_whole(self, stores: Stores) -> None:
        media = stores.open()
        media.write("originals/1", chunks(b"old"))
        blobs = [bytes([number]) * 200_000 for number in range(6)]
        race(6, lambda number: stores.open().write("originals/1", chunks(blobs[number], 9_999)))
        assert content(media, "originals/1") in blobs

    def test_writing_succeeds_while_others_delete(self, media: MediaStore) -> None:
        def come_and_go(number: int) -> None:
            for turn in range(20):
                media.write(f"uploads/1/{number}", chunks(b"x"))
                assert media.open(f"uploads/1/{number}").size == 1
                if turn < 19:
                    media.delete(f"uploads/1/{number}")

        assert race(4, come_and_go) == [None] * 4
        assert len(list(media.keys("uploads/1/"))) == 4

    def test_listing_is_complete_while_others_delete(self, media: MediaStore) -> None:
        media.write("uploads/stays/1", chunks(b"x"))

        def come_and_go_or_list(number: int) -> None:
            for _ in range(20):
                if number == 0:
                    assert "uploads/stays/1" in media.keys("uploads/")
                else:
                    media.write(f"uploads/{number}/1", chunks(b"x"))
                    media.delete(f"uploads/{number}/1")

        assert race(4, come_and_go_or_list) == [None] * 4


class Folder:
    """Stores in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.place = ("filesystem", str(folder))

    def open(self) -> MediaStore:
        return FilesystemMediaStore(self._folder)


class Bucket:
    """Stores in GridFS."""

    def __init__(self, database: Database[Document], url: str) -> None:
        self._database = database
        self.place = ("gridfs", url, database.name)

    def open(self) -> MediaStore:
        return GridFsMediaStore(self._database)


class TestFilesystemMediaStore(MediaStoreContract):
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "new" / "media"

    @pytest.fixture
    def stores(self, folder: Path) -> Stores:
        return Folder(folder)

    def test_other_users_cannot_read_the_folder(self, media: MediaStore, folder: Path) -> None:
        media.write("originals/1", chunks(b"x"))
        modes = {path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]}
        assert modes == {0}

    def test_empty_folders_are_removed(self, media: MediaStore, folder: Path) -> None:
        media.write("uploads/1/a/b", chunks(b"x"))
        media.delete("uploads/1/a/b")
        assert [path.name for path in folder.iterdir()] == [".unfinished"]

    def test_the_file_of_a_killed_writer_is_removed_at_once(
        self, stores: Stores, folder: Path
    ) -> None:
        write_until_killed(stores, "originals/1")
        assert len(list((folder / ".unfinished").iterdir())) == 1
        stores.open().clear_away()
        assert list((folder / ".unfinished").iterdir()) == []

    def test_a_writer_starts_again_when_its_file_is_removed_as_abandoned(
        self, media: MediaStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock, waiting = fcntl.flock, [media.clear_away]

        def overtaken(file: Any, operation: int) -> None:
            if waiting:
                waiting.pop()()
            lock(file, operation)

        monkeypatch.setattr(fcntl, "flock", overtaken)
        media.write("originals/1", chunks(b"x"))
        assert content(media, "originals/1") == b"x"

    def test_a_folder_removed_during_its_creation_is_created_again(
        self, media: MediaStore, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def remove_parent() -> None:
            (folder / "uploads").rmdir()

        before_first(monkeypatch, Path, "mkdir", folder / "uploads" / "1", remove_parent)
        media.write("uploads/1/a", chunks(b"x"))
        assert content(media, "uploads/1/a") == b"x"

    def test_a_folder_removed_during_listing_has_no_keys(
        self, media: MediaStore, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        media.write("uploads/1/a", chunks(b"x"))
        media.write("uploads/2/a", chunks(b"x"))

        def remove() -> None:
            media.delete("uploads/1/a")

        before_first(monkeypatch, os, "scandir", folder / "uploads" / "1", remove)
        assert list(media.keys("uploads/")) == ["uploads/2/a"]

    def test_a_disk_that_is_full_at_the_last_byte_makes_the_store_unavailable(
        self, media: MediaStore, folder: Path
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            with pytest.raises(MediaUnavailable):
                media.write("originals/1", chunks(b"more than ten bytes"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert list((folder / ".unfinished").iterdir()) == []

    def test_a_failing_disk_makes_the_store_unavailable(
        self, media: MediaStore, folder: Path
    ) -> None:
        (folder / "originals").write_text("in the way")
        with pytest.raises(MediaUnavailable):
            media.write("originals/1", chunks(b"x"))
        assert list((folder / ".unfinished").iterdir()) == []


class TestGridFsMediaStore(MediaStoreContract):
    @pytest.fixture
    def stores(self, mongo_database: Database[Document], mongo_url: str) -> Stores:
        return Bucket(mongo_database, mongo_url)

    def test_older_revisions_are_dropped(
        self, media: MediaStore, mongo_database: Database[Document]
    ) -> None:
        for _ in range(3):
            media.write("originals/1", chunks(b"x"))
        assert counts(mongo_database) == {"files": 1, "chunks": 1, "unfinished": 0}
        media.delete("originals/1")
        assert counts(mongo_database) == {"files": 0, "chunks": 0, "unfinished": 0}

    def test_the_chunks_of_a_killed_writer_are_removed_after_a_day(
        self, stores: Stores, mongo_database: Database[Document]
    ) -> None:
        stores.open().write("originals/1", chunks(b"x"))
        write_until_killed(stores, "originals/2")
        stores.open().clear_away()
        assert counts(mongo_database)["chunks"] > 1
        a_day_ago = datetime.now(UTC) - timedelta(days=1, seconds=1)
        mongo_database["media.unfinished"].update_many({}, {"$set": {"at": a_day_ago}})
        stores.open().clear_away()
        assert counts(mongo_database) == {"files": 1, "chunks": 1, "unfinished": 0}


def before_first(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, path: Path, act: Callable[[], None]
) -> None:
    """Act just before the function is first called with the path."""
    function, waiting = getattr(owner, name), [act]

    def patched(called_with: Any, *arguments: Any, **options: Any) -> Any:
        if Path(called_with) == path and waiting:
            waiting.pop()()
        return function(called_with, *arguments, **options)

    monkeypatch.setattr(owner, name, patched)


def counts(database: Database[Document]) -> dict[str, int]:
    names = ("files", "chunks", "unfinished")
    return {name: database[f"media.{name}"].count_documents({}) for name in names}


class NoBlob:
    size = -1

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        return iter([b"nothing"])


class Nothing:
    def write(self, key: str, chunks: Iterator[bytes]) -> int:
        return -1

    def open(self, key: str) -> NoBlob:
        return NoBlob()

    def delete(self, key: str) -> None: ...

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(())

    def clear_away(self) -> None: ...


class NoStores:
    place = ("nothing",)

    def open(self) -> MediaStore:
        return Nothing()


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(MediaStoreContract, media=Nothing(), stores=NoStores())
