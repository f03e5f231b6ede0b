"""What a Sealer promises, and that its blobs can be neither read nor changed."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.key_vault.memory import MemoryKeyVault
from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.sealer.aes_gcm import FRAME, SALT, TAG, AesGcmSealer
from application.ports.media_store import MediaStore
from application.ports.sealer import NotSealed, Sealer, parts_prefix
from tests.contracts.nothing import assert_fails_against_nothing

SIZES = [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 17]
THREE_FRAMES = b"secret" * 30_000


def pieces(content: bytes, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def opened(sealer: Sealer, evidence_id: str = "e1") -> bytes:
    return b"".join(sealer.open(evidence_id))


def part(sealer: Sealer, evidence_id: str = "e1", name: str = "p1") -> bytes:
    return b"".join(sealer.open_part(evidence_id, name))


class SealerContract:
    @pytest.mark.parametrize("size", SIZES)
    def test_an_original_is_opened_as_it_was_sealed(self, sealer: Sealer, size: int) -> None:
        content = (b"0123456789" * (size // 10 + 1))[:size]
        assert sealer.seal("e1", pieces(content)) == (sha256(content).hexdigest(), size)
        assert opened(sealer) == content

    @pytest.mark.parametrize("size", SIZES)
    def test_a_part_is_opened_as_it_was_sealed(self, sealer: Sealer, size: int) -> None:
        content = (b"0123456789" * (size // 10 + 1))[:size]
        assert sealer.seal_part("e1", "p1", pieces(content)) == size
        assert part(sealer) == content

    def test_parts_and_originals_do_not_meddle_with_each_other(self, sealer: Sealer) -> None:
        sealer.seal("e1", iter([b"original 1"]))
        sealer.seal("e2", iter([b"original 2"]))
        sealer.seal_part("e1", "p1", iter([b"part 1"]))
        sealer.seal_part("e1", "p2", iter([b"part 2"]))
        assert (opened(sealer), opened(sealer, "e2")) == (b"original 1", b"original 2")
        assert (part(sealer), part(sealer, name="p2")) == (b"part 1", b"part 2")

    def test_what_was_never_sealed_is_not(self, sealer: Sealer) -> None:
        sealer.seal("e2", iter([b"x"]))
        with pytest.raises(NotSealed):
            opened(sealer)
        with pytest.raises(NotSealed):
            part(sealer, "e2")

    def test_once_the_key_is_destroyed_nothing_is_opened_or_sealed(self, sealer: Sealer) -> None:
        sealer.seal("e1", iter([b"x"]))
        sealer.seal_part("e1", "p1", iter([b"x"]))
        sealer.seal("e2", iter([b"other"]))
        sealer.destroy("e1")
        for use in (opened, part):
            with pytest.raises(NotSealed):
                use(sealer)
        with pytest.raises(NotSealed):
            sealer.seal("e1", iter([b"x"]))
        with pytest.raises(NotSealed):
            sealer.seal_part("e1", "p2", iter([b"x"]))
        assert opened(sealer, "e2") == b"other"

    def test_sealing_again_replaces(self, sealer: Sealer) -> None:
        sealer.seal("e1", iter([b"before"]))
        sealer.seal("e1", iter([b"after"]))
        assert opened(sealer) == b"after"


@pytest.fixture
def media(tmp_path: Path) -> MediaStore:
    return FilesystemMediaStore(tmp_path)


@pytest.fixture
def vault() -> MemoryKeyVault:
    return MemoryKeyVault()


@pytest.fixture
def sealer(media: MediaStore, vault: MemoryKeyVault) -> Sealer:
    return AesGcmSealer(media, vault)


class TestAesGcmSealer(SealerContract):
    def test_nothing_of_the_plain_bytes_is_stored(self, sealer: Sealer, media: MediaStore) -> None:
        sealer.seal("e1", pieces(THREE_FRAMES))
        sealer.seal_part("e1", "p1", pieces(THREE_FRAMES))
        for key in ("originals/e1", "uploads/e1/p1"):
            assert b"secret" not in b"".join(media.read(key))
            assert media.size(key) == len(THREE_FRAMES) + SALT + 3 * TAG

    def test_parts_are_where_the_port_says(self, sealer: Sealer, media: MediaStore) -> None:
        sealer.seal_part("e1", "p1", iter([b"x"]))
        assert list(media.keys(parts_prefix("e1"))) == ["uploads/e1/p1"]

    def test_the_same_is_never_sealed_twice_alike(self, sealer: Sealer, media: MediaStore) -> None:
        for name in ("p1", "p2"):
            sealer.seal_part("e1", name, iter([b"same"]))
        first, second = (b"".join(media.read(f"uploads/e1/{name}")) for name in ("p1", "p2"))
        assert first[SALT:] != second[SALT:]

    # The salt, and three frames.
    @pytest.mark.parametrize(
        "tamper",
        [
            lambda it: flipped(it[0]) + it[1] + it[2] + it[3],
            lambda it: it[0] + flipped(it[1]) + it[2] + it[3],
            lambda it: it[0] + it[1] + it[2] + flipped(it[3]),
            lambda it: it[0] + it[2] + it[1] + it[3],
            lambda it: it[0] + it[1] + it[3],
            lambda it: it[0] + it[1] + it[2] + it[2] + it[3],
            lambda it: it[0] + it[1] + it[2],
            lambda it: it[0] + it[1] + it[2] + it[3][:-1],
            lambda it: it[0] + it[1] + it[2] + it[3] + b"x",
            lambda it: it[0] + it[1] + it[2] + it[3] + it[3],
            lambda it: it[0],
            lambda it: it[0][:-1],
            lambda it: it[0][:0],
        ],
    )
    def test_frames_are_not_changed_reordered_left_out_repeated_or_cut_off(
        self, sealer: Sealer, media: MediaStore, tamper: Callable[[list[bytes]], bytes]
    ) -> None:
        sealer.seal("e1", pieces(THREE_FRAMES))
        stored = b"".join(media.read("originals/e1"))
        edges = [0, SALT, SALT + FRAME + TAG, SALT + 2 * (FRAME + TAG), len(stored)]
        tampered = tamper([stored[start:end] for start, end in pairwise(edges)])
        media.write("originals/e1", iter([tampered]))
        with pytest.raises(NotSealed):
            opened(sealer)

    @pytest.mark.parametrize("other", ["originals/e2", "uploads/e1/p1"])
    def test_blobs_are_not_swapped(self, sealer: Sealer, media: MediaStore, other: str) -> None:
        sealer.seal("e1", iter([b"x"]))
        sealer.seal("e2", iter([b"x"]))
        sealer.seal_part("e1", "p1", iter([b"x"]))
        media.write("originals/e1", media.read(other))
        with pytest.raises(NotSealed):
            opened(sealer)

    def test_a_destroyed_original_leaves_no_blob(self, sealer: Sealer, media: MediaStore) -> None:
        sealer.seal("e1", iter([b"x"]))
        sealer.destroy("e1")
        assert list(media.keys("originals/")) == []

    def test_a_key_that_another_process_destroyed_opens_nothing(
        self, sealer: Sealer, vault: MemoryKeyVault
    ) -> None:
        sealer.seal("e1", iter([b"x"]))
        vault.destroy("evidence/e1")
        with pytest.raises(NotSealed):
            opened(sealer)


def flipped(blob: bytes) -> bytes:
    return bytes([blob[0] ^ 1]) + blob[1:]


class Nothing:
    def seal(self, evidence_id: str, chunks: Iterator[bytes]) -> tuple[str, int]:
        return "", 0

    def open(self, evidence_id: str) -> Iterator[bytes]:
        return iter([b"nothing"])

    def seal_part(self, evidence_id: str, name: str, chunks: Iterator[bytes]) -> int:
        return 0

    def open_part(self, evidence_id: str, name: str) -> Iterator[bytes]:
        return iter([b"nothing"])

    def destroy(self, evidence_id: str) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(SealerContract, sealer=Nothing())
