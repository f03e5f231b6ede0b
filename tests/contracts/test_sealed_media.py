"""A sealed media store is a MediaStore; its blobs can be neither read nor changed without a key."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from bson import BSON
from pymongo.database import Database

from adapters.key_vault import wrapped
from adapters.key_vault.memory import MemoryKeyVault
from adapters.media_store.frames import FRAME, SALT, SEALED_FRAME, TAG
from adapters.media_store.sealed import SealedMediaStore
from adapters.mongo import Document
from application.ports.media_store import Blob, MediaDamaged, MediaErased, MediaStore
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.test_key_vault import SqlitePlace
from tests.contracts.test_media_store import (
    Bucket,
    Folder,
    MediaStoreContract,
    Nothing,
    Stores,
    chunks,
    content,
)

SIZES = [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 17]
MARK = b"what only this rendition shows. "
PLAIN = MARK * 6_000  # three frames
KEY = "renditions/e1"


class SealedMediaContract:
    """``bare`` is the store behind a sealed one, and ``stored`` are all bytes that it keeps."""

    def test_no_plain_bytes_are_stored(
        self, media: MediaStore, bare: MediaStore, stored: Callable[[], bytes]
    ) -> None:
        for key in ("renditions/e1", "posters/e1", "originals/e1", "uploads/e1/part"):
            media.write(key, chunks(PLAIN))
            assert content(media, key) == PLAIN
        assert MARK not in stored()
        bare.write(KEY, chunks(PLAIN))
        assert MARK in stored()

    def test_a_backup_of_a_blob_cannot_be_opened_after_its_key_is_destroyed(
        self, media: MediaStore, bare: MediaStore, vault: MemoryKeyVault
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        backup = content(bare, KEY)
        vault.destroy("evidence/e1")
        media.delete(KEY)
        bare.write(KEY, chunks(backup))
        with pytest.raises(MediaErased):
            media.open(KEY)

    def test_destroying_one_key_keeps_all_other_evidence(
        self, media: MediaStore, vault: MemoryKeyVault
    ) -> None:
        for key in (KEY, "renditions/e2"):
            media.write(key, chunks(PLAIN))
        vault.destroy("evidence/e1")
        assert content(media, "renditions/e2") == PLAIN

    def test_writing_with_a_destroyed_key_is_refused(
        self, media: MediaStore, bare: MediaStore, vault: MemoryKeyVault
    ) -> None:
        vault.destroy("evidence/e1")
        with pytest.raises(MediaErased):
            media.write(KEY, chunks(PLAIN))
        assert list(bare.keys("")) == []

    def test_reading_a_blob_stops_when_its_key_is_destroyed(
        self, media: MediaStore, vault: MemoryKeyVault
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        reading = media.open(KEY).read()
        assert next(reading) == PLAIN[:FRAME]
        vault.destroy("evidence/e1")
        with pytest.raises(MediaErased):
            next(reading)

    @pytest.mark.parametrize("size", SIZES)
    def test_any_range_of_a_blob_of_any_size_can_be_read(
        self, media: MediaStore, size: int
    ) -> None:
        plain = (b"0123456789" * (size // 10 + 1))[:size]
        assert media.write(KEY, chunks(plain, 10_000)) == size
        blob = media.open(KEY)
        assert blob.size == size
        for start in (0, 1, FRAME - 1, FRAME, FRAME + 1, size - 1, size, size + 1):
            for length in (None, 0, 1, FRAME, FRAME + 1):
                begin = max(0, start)
                expected = plain[begin:] if length is None else plain[begin : begin + length]
                assert b"".join(blob.read(begin, length)) == expected

    def test_reading_a_range_reads_only_its_frames_and_the_last(
        self, media: MediaStore, bare: MediaStore, vault: MemoryKeyVault
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        watched: Any = Watched(bare)
        blob = SealedMediaStore(watched, vault).open(KEY)
        assert watched.bytes_read == len(PLAIN) - 2 * FRAME + TAG + SALT
        watched.bytes_read = 0
        assert b"".join(blob.read(FRAME + 5, 10)) == PLAIN[FRAME + 5 : FRAME + 15]
        assert watched.bytes_read == SEALED_FRAME

    def test_sealing_the_same_bytes_twice_gives_different_blobs(
        self, media: MediaStore, bare: MediaStore
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        before = content(bare, KEY)
        media.write(KEY, chunks(PLAIN))
        assert content(bare, KEY)[:SEALED_FRAME] != before[:SEALED_FRAME]

    # Three frames and the salt.
    @pytest.mark.parametrize(
        "tamper",
        [
            lambda it: flipped(it[0]) + it[1] + it[2] + it[3],
            lambda it: it[0] + flipped(it[1]) + it[2] + it[3],
            lambda it: it[0] + it[1] + flipped(it[2]) + it[3],
            lambda it: it[0] + it[1] + it[2] + flipped(it[3]),
            lambda it: it[1] + it[0] + it[2] + it[3],
            lambda it: it[0] + it[2] + it[1] + it[3],
            lambda it: it[0] + it[0] + it[2] + it[3],
            lambda it: it[0] + it[2] + it[3],
            lambda it: it[1] + it[2] + it[3],
            lambda it: it[0] + it[1] + it[1] + it[2] + it[3],
            lambda it: it[0] + it[1] + it[3],
            lambda it: it[0] + it[1] + it[2][:-1] + it[3],
            lambda it: it[0] + it[1] + it[2],
            lambda it: it[0] + it[1] + it[2] + it[3][:-1],
            lambda it: it[0] + it[1] + it[2] + it[3] + b"x",
            lambda it: it[0] + it[1] + it[2] + it[2] + it[3],
            lambda it: it[3],
            lambda it: it[3][:-1],
            lambda it: it[3][:0],
        ],
    )
    def test_changed_reordered_missing_repeated_or_truncated_frames_are_refused(
        self,
        media: MediaStore,
        bare: MediaStore,
        tamper: Callable[[list[bytes]], bytes],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        stored = content(bare, KEY)
        edges = [0, SEALED_FRAME, 2 * SEALED_FRAME, len(stored) - SALT, len(stored)]
        tampered = tamper([stored[start:end] for start, end in pairwise(edges)])
        bare.write(KEY, iter([tampered]))
        read = b""
        with pytest.raises(MediaDamaged):  # noqa: PT012 - what came before counts as well
            for chunk in media.open(KEY).read():
                read += chunk
        assert PLAIN.startswith(read)
        assert KEY in caplog.text

    @pytest.mark.parametrize("start", [0, FRAME, len(PLAIN) - 1])
    def test_reading_a_range_of_a_truncated_blob_is_refused(
        self, media: MediaStore, bare: MediaStore, start: int
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        stored = content(bare, KEY)
        bare.write(KEY, iter([stored[:SEALED_FRAME] + stored[-SALT:]]))
        with pytest.raises(MediaDamaged):
            media.open(KEY).read(start, 1)

    @pytest.mark.parametrize("other", ["renditions/e2", "posters/e1", "originals/e1"])
    def test_exchanged_blobs_are_refused(
        self, media: MediaStore, bare: MediaStore, other: str
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        media.write(other, chunks(PLAIN))
        bare.write(KEY, chunks(content(bare, other)))
        with pytest.raises(MediaDamaged):
            media.open(KEY)

    def test_mixed_frames_of_two_revisions_are_refused(
        self, media: MediaStore, bare: MediaStore
    ) -> None:
        media.write(KEY, chunks(PLAIN))
        before = content(bare, KEY)
        media.write(KEY, chunks(PLAIN))
        bare.write(KEY, iter([before[:SEALED_FRAME], content(bare, KEY)[SEALED_FRAME:]]))
        blob = media.open(KEY)
        with pytest.raises(MediaDamaged):
            next(blob.read())


class SealedStores:
    """Sealed stores that share one place and one vault."""

    def __init__(self, stores: Stores, vault: MemoryKeyVault) -> None:
        self._stores = stores
        self._vault = vault

    @property
    def place(self) -> Sequence[str]:
        return self._stores.place

    def open(self) -> MediaStore:
        return SealedMediaStore(self._stores.open(), self._vault)


class SealedMediaStoreContract(MediaStoreContract, SealedMediaContract):
    @pytest.fixture
    def vault(self) -> MemoryKeyVault:
        return MemoryKeyVault()

    @pytest.fixture
    def stores(self, bare_stores: Stores, vault: MemoryKeyVault) -> Stores:
        return SealedStores(bare_stores, vault)

    @pytest.fixture
    def bare(self, bare_stores: Stores) -> MediaStore:
        return bare_stores.open()


class TestSealedFilesystemMediaStore(SealedMediaStoreContract):
    @pytest.fixture
    def bare_stores(self, tmp_path: Path) -> Stores:
        return Folder(tmp_path)

    @pytest.fixture
    def stored(self, tmp_path: Path) -> Callable[[], bytes]:
        def files() -> bytes:
            paths = [path for path in tmp_path.rglob("*") if path.is_file()]
            return b"".join(path.read_bytes() for path in paths)

        return files


class TestSealedGridFsMediaStore(SealedMediaStoreContract):
    @pytest.fixture
    def bare_stores(self, mongo_database: Database[Document], mongo_url: str) -> Stores:
        return Bucket(mongo_database, mongo_url)

    @pytest.fixture
    def stored(self, mongo_database: Database[Document]) -> Callable[[], bytes]:
        """All collections, and the server's log of operations, which keeps what was deleted."""

        def documents() -> bytes:
            collections = [mongo_database[name] for name in mongo_database.list_collection_names()]
            found = [document for collection in collections for document in collection.find()]
            mine = {"ns": {"$regex": f"^({mongo_database.name}|admin)[.]"}}
            history = mongo_database.client["local"]["oplog.rs"].find(mine)
            return b"".join(BSON.encode(each) for each in [*found, *history])

        return documents


@pytest.fixture
def begun(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[MediaStore, Iterator[bytes]]]:
    """A store that caches keys so long, and a blob of which another process destroyed the key."""
    monkeypatch.setattr(wrapped, "REMEMBERED_SECONDS", request.param)
    vault = SqlitePlace(tmp_path / "keys" / "vault.sqlite", tmp_path / "epochs")
    with closing(vault) as place:
        here, there = place.open(), place.open()
        media = SealedMediaStore(Folder(tmp_path / "media").open(), here)
        media.write(KEY, chunks(PLAIN))
        reading = media.open(KEY).read()
        next(reading)
        there.destroy("evidence/e1")
        yield media, reading


@pytest.mark.parametrize("begun", [3600.0], indirect=True)
def test_a_key_destroyed_by_another_process_opens_no_blob_although_it_is_cached(
    begun: tuple[MediaStore, Iterator[bytes]],
) -> None:
    media, reading = begun
    with pytest.raises(MediaErased):
        media.open(KEY)
    with pytest.raises(MediaErased):
        next(reading)


@pytest.mark.parametrize("begun", [0.0], indirect=True)
def test_reading_a_blob_stops_once_its_destroyed_key_leaves_the_cache(
    begun: tuple[MediaStore, Iterator[bytes]],
) -> None:
    _, reading = begun
    with pytest.raises(MediaErased):
        next(reading)


class Watched:
    """A store that counts the bytes that are read of its blobs."""

    def __init__(self, store: MediaStore) -> None:
        self._store = store
        self.bytes_read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def open(self, key: str) -> Blob:
        return WatchedBlob(self._store.open(key), self)


class WatchedBlob:
    def __init__(self, blob: Blob, watched: Watched) -> None:
        self._blob = blob
        self._watched = watched
        self.size = blob.size

    def read(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        for chunk in self._blob.read(start, length):
            self._watched.bytes_read += len(chunk)
            yield chunk


def flipped(blob: bytes) -> bytes:
    return bytes([blob[0] ^ 1]) + blob[1:]


def test_doing_nothing_breaks_every_promise() -> None:
    nothing: Any = Nothing()
    assert_fails_against_nothing(
        SealedMediaContract,
        media=nothing,
        bare=nothing,
        vault=MemoryKeyVault(),
        stored=bytes,
        caplog=None,
    )
