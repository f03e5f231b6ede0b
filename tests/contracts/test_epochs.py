"""Durable key vaults with epochs: no old copy opens a destroyed key."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

import pytest
from pymongo.database import Database

from adapters.key_vault.epochs import (
    BUCKETS,
    HEADER,
    SIZE,
    SLOT,
    Epoch,
    EpochFile,
    WrongEpochs,
    bucket_of,
)
from adapters.key_vault.mongo import MongoKeyVault
from adapters.key_vault.sqlite import SqliteKeyVault
from adapters.key_vault.wrapped import WrappedKeyVault
from adapters.mongo import Document
from adapters.sqlite import SqliteDatabase
from application.ports.key_vault import KeyDestroyed, KeyVault
from tests.contracts import test_key_vault as vaults
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race

MASTER = vaults.MASTER


def neighbours(count: int, bucket: int = 7) -> list[str]:
    """Subjects whose keys have one epoch."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        number += 1
        if bucket_of(f"member {number}") == bucket:
            found.append(f"member {number}")
    return found


NEIGHBOURS = neighbours(12)
ANN, BOB, EVE, *OTHERS = NEIGHBOURS


class Place(Protocol):
    """A place that keeps wrapped keys, and a file of epochs."""

    epochs: EpochFile
    file: Path

    def open(self, master_key: bytes = MASTER) -> KeyVault: ...

    def rows(self) -> Sequence[object]:
        """Return all that is stored, as an old copy of the store holds it."""
        ...

    def restore(self, rows: Sequence[object]) -> None:
        """Put an old copy in place of what is stored."""
        ...

    def give_up_lost_keys(self) -> None: ...


class SqlitePlace(vaults.SqlitePlace):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "keys" / "vault.sqlite", folder / "epochs")
        self.file = folder / "epochs"

    def rows(self) -> Sequence[object]:
        with closing(SqliteDatabase(self.path, "")) as database:
            return database.rows("SELECT subject, bucket, epoch, wrapped FROM keys")

    def restore(self, rows: Sequence[object]) -> None:
        with closing(SqliteDatabase(self.path, "")) as database:
            database.write("DELETE FROM keys")
            database.write_many("INSERT INTO keys VALUES (?, ?, ?, ?)", rows)  # type: ignore[arg-type]  # from rows()

    def give_up_lost_keys(self) -> None:
        SqliteKeyVault(self.path, MASTER, self.epochs, give_up=True).close()


class MongoPlace(vaults.MongoPlace):
    def __init__(self, database: Database[Document], folder: Path) -> None:
        super().__init__(database, folder / "epochs")
        self.file = folder / "epochs"

    def rows(self) -> Sequence[object]:
        return list(self.database["keys"].find())

    def restore(self, rows: Sequence[object]) -> None:
        self.database["keys"].delete_many({})
        self.database["keys"].insert_many(rows)  # type: ignore[arg-type]  # from rows()

    def give_up_lost_keys(self) -> None:
        MongoKeyVault(self.database, MASTER, self.epochs, give_up=True)


def is_readable(place: Place, subject: str) -> bool:
    """Whether anybody with the secret reads the subject's key."""
    with suppress(WrongEpochs):
        return bool(place.open().key(subject))
    return False


class OldCopiesContract:
    """Beyond DurableKeyVaultContract: what was destroyed cannot be restored."""

    def test_no_old_copy_of_the_store_opens_a_destroyed_key(self, place: Place) -> None:
        place.open().make_key(ANN)
        old = place.rows()
        place.open().destroy(ANN)
        place.restore(old)
        assert not is_readable(place, ANN)

    def test_no_old_copy_from_another_destruction_opens_a_destroyed_key(self, place: Place) -> None:
        place.open().make_key(ANN)
        place.open().make_key(BOB)
        place.open().destroy(BOB)
        old = place.rows()
        place.open().destroy(ANN)
        place.restore(old)
        assert not is_readable(place, ANN)

    def test_the_file_of_epochs_does_not_hold_the_previous_epoch(self, place: Place) -> None:
        place.open().make_key(ANN)
        (before,) = place.epochs.live(bucket_of(ANN))
        assert before.key in place.file.read_bytes()
        place.open().destroy(ANN)
        assert before.key not in place.file.read_bytes()

    def test_the_file_of_epochs_is_overwritten_in_place(self, place: Place) -> None:
        place.open().make_key(ANN)
        before = place.file.stat()
        place.open().destroy(ANN)
        after = place.file.stat()
        assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)

    def test_destroying_keys_keeps_all_others(self, place: Place) -> None:
        keys = {subject: place.open().make_key(subject) for subject in NEIGHBOURS}
        for doomed in (ANN, BOB):
            place.open().destroy(doomed)
            del keys[doomed]
            assert {subject: place.open().key(subject) for subject in keys} == keys

    def test_only_the_epoch_of_the_destroyed_key_is_replaced(self, place: Place) -> None:
        place.open().make_key(ANN)
        before = [place.epochs.live(bucket) for bucket in range(BUCKETS)]
        place.open().destroy(ANN)
        after = [place.epochs.live(bucket) for bucket in range(BUCKETS)]
        changed = {bucket for bucket in range(BUCKETS) if before[bucket] != after[bucket]}
        assert changed == {bucket_of(ANN)}
        assert {len(live) for live in after} == {1}

    def test_destroying_a_missing_or_destroyed_key_starts_no_epoch(self, place: Place) -> None:
        place.open().make_key(ANN)
        place.open().destroy(ANN)
        (epoch,) = place.epochs.live(bucket_of(ANN))
        place.open().destroy(ANN)
        place.open().destroy(BOB)
        assert place.epochs.live(bucket_of(ANN)) == (epoch,)

    def test_keys_created_and_read_during_destructions_are_kept(self, place: Place) -> None:
        vaults = [place.open() for _ in range(4)]
        doomed = neighbours(8, bucket=9)
        for subject in doomed:
            vaults[0].make_key(subject)
        kept = [subject for subject in neighbours(40, bucket=9) if subject not in doomed]

        def destroy_or_make(it: int) -> dict[str, bytes]:
            if it < 2:
                for subject in doomed[it::2]:
                    vaults[it].destroy(subject)
                return {}
            return {subject: vaults[it].make_key(subject) for subject in kept[it % 2 :: 2]}

        made = [result for result in race(4, destroy_or_make) if isinstance(result, dict)]
        assert len(made) == 4
        keys = {**made[2], **made[3]}
        assert {subject: place.open().key(subject) for subject in kept} == keys
        assert not any(is_readable(place, subject) for subject in doomed)
        assert len(place.epochs.live(9)) == 1

    def test_a_key_stored_after_its_epoch_was_replaced_is_kept(self, place: Place) -> None:
        maker = place.open()
        place.open().make_key(ANN)
        before_storing(maker, lambda: place.open().destroy(ANN))
        key = maker.make_key(BOB)
        assert place.open().key(BOB) == key
        place.open().make_key(EVE)
        place.open().destroy(EVE)
        assert place.open().key(BOB) == key

    def test_a_key_destroyed_while_it_is_stored_stays_destroyed(self, place: Place) -> None:
        maker = place.open()
        place.open().make_key(ANN)
        before_storing(maker, lambda: place.open().destroy(ANN))
        before_replacing(maker, lambda: place.open().destroy(BOB))
        with pytest.raises(KeyDestroyed):
            maker.make_key(BOB)
        assert not is_readable(place, BOB)

    def test_reading_a_key_of_the_older_epoch_moves_it_to_the_newest(self, place: Place) -> None:
        key = place.open().make_key(ANN)
        place.epochs.begin(bucket_of(ANN))
        assert place.open().key(ANN) == key
        place.epochs.end(bucket_of(ANN))
        assert place.open().key(ANN) == key

    def test_concurrent_starts_of_a_new_vault_share_one_file(self, place: Place) -> None:
        opened = [it for it in race(4, lambda _: place.open()) if not isinstance(it, Exception)]
        assert len(opened) == 4
        key = place.open().make_key(ANN)
        assert all(vault.key(ANN) == key for vault in opened)


class LostEpochsContract:
    """With an old backup of the file of epochs, nothing goes on until somebody decides."""

    def test_an_old_file_of_epochs_is_refused_until_the_lost_keys_are_given_up(
        self, place: Place
    ) -> None:
        key = place.open().make_key("in another bucket")
        place.open().make_key(BOB)
        old = place.file.read_bytes()
        place.open().make_key(ANN)
        place.open().destroy(ANN)
        place.file.write_bytes(old)
        with pytest.raises(WrongEpochs, match="old backup"):
            place.open()
        place.give_up_lost_keys()
        assert place.open().key("in another bucket") == key
        assert place.open().key(BOB) is None
        with pytest.raises(KeyDestroyed):
            place.open().make_key(BOB)

    def test_reading_a_key_of_an_old_vault_is_refused_until_it_is_given_up(
        self, place: Place
    ) -> None:
        place.open().make_key(ANN)
        place.open().make_key(BOB)
        old = place.rows()
        place.open().destroy(ANN)
        place.restore(old)
        with pytest.raises(WrongEpochs, match="old backup"):
            place.open().key(BOB)
        place.give_up_lost_keys()
        assert place.open().key(BOB) is None


class KillsContract:
    """Whatever is killed on the way, destruction is finished by the next start or destruction."""

    @pytest.mark.parametrize("done", [False, True])
    @pytest.mark.parametrize("step", range(6))
    def test_a_killed_destruction_loses_no_key_and_is_finished_by_the_next_start(
        self, place: Place, step: int, done: bool
    ) -> None:
        keys = {subject: place.open().make_key(subject) for subject in NEIGHBOURS}
        old = place.rows()
        with pytest.raises(Killed):
            killed_at(place, step, done=done).destroy(ANN)
        del keys[ANN]
        restarted = place.open()
        assert {subject: restarted.key(subject) for subject in keys} == keys
        destroyed = step > 0 or done
        assert (restarted.key(ANN) is None) == destroyed
        place.restore(old)
        assert is_readable(place, ANN) != destroyed

    @pytest.mark.parametrize("step", range(1, 6))
    def test_a_killed_destruction_is_finished_by_the_next_one(
        self, place: Place, step: int
    ) -> None:
        keys = {subject: place.open().make_key(subject) for subject in NEIGHBOURS}
        old, beside = place.rows(), place.open()
        with pytest.raises(Killed):
            killed_at(place, step, done=False).destroy(ANN)
        beside.destroy(BOB)
        del keys[ANN], keys[BOB]
        assert {subject: place.open().key(subject) for subject in keys} == keys
        place.restore(old)
        assert not is_readable(place, ANN)
        assert not is_readable(place, BOB)

    def test_a_key_created_between_a_kill_and_the_next_start_is_kept(self, place: Place) -> None:
        beside = place.open()
        beside.make_key(ANN)
        with pytest.raises(Killed):
            killed_at(place, 2, done=False).destroy(ANN)
        key = beside.make_key(BOB)
        assert place.open().key(BOB) == key


class Killed(BaseException):
    """The process ends here."""


def killed_at(place: Place, step: int, *, done: bool) -> KeyVault:
    """A vault that is killed when it comes to a step, or when it has done it."""
    vault = place.open()
    steps = iter(range(step + 1))

    def killing(do: Callable[..., None]) -> Callable[..., None]:
        def at_step(*arguments: object) -> None:
            last = next(steps) == step
            if last and not done:
                raise Killed
            do(*arguments)
            if last:
                raise Killed

        return at_step

    if isinstance(vault, WrappedKeyVault):
        epochs = EpochFile(place.file)
        # In the order in which a destruction comes to them: end, which finds nothing, is second.
        for owner, name in (
            (vault, "_destroy"),
            (epochs, "end"),
            (epochs, "begin"),
            (vault, "_replace"),
            (vault, "_settle"),
        ):
            setattr(owner, name, killing(getattr(owner, name)))
        vault._epochs = epochs
    return vault


def before_storing(vault: KeyVault, do: Callable[[], object]) -> None:
    _before(vault, "_store", do)


def before_replacing(vault: KeyVault, do: Callable[[], object]) -> None:
    _before(vault, "_replace", do)


def _before(vault: KeyVault, name: str, do: Callable[[], object]) -> None:
    """Do something once, right before the vault writes."""
    write, undone = getattr(vault, name, None), [do]

    def first_do(*arguments: object) -> object:
        while undone:
            undone.pop()()
        return write(*arguments) if write else None

    setattr(vault, name, first_do)


class TestSqlite(OldCopiesContract, LostEpochsContract, KillsContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[SqlitePlace]:
        place = SqlitePlace(tmp_path)
        yield place
        place.close()


class TestMongo(OldCopiesContract, LostEpochsContract, KillsContract):
    @pytest.fixture
    def place(self, mongo_database: Database[Document], tmp_path: Path) -> MongoPlace:
        return MongoPlace(mongo_database, tmp_path)


class NoPlace(vaults.NoPlace):
    def __init__(self, folder: Path) -> None:
        self.file = folder / "epochs"
        self.epochs = EpochFile(self.file)
        self.epochs.make()

    def rows(self) -> Sequence[object]:
        return []

    def restore(self, rows: Sequence[object]) -> None: ...

    def give_up_lost_keys(self) -> None: ...


def test_doing_nothing_breaks_every_promise(tmp_path: Path) -> None:
    does_nothing = [
        "test_no_old_copy_from_another_destruction_opens_a_destroyed_key",
        "test_no_old_copy_of_the_store_opens_a_destroyed_key",
        "test_the_file_of_epochs_is_overwritten_in_place",
        "test_destroying_a_missing_or_destroyed_key_starts_no_epoch",
    ]
    place = NoPlace(tmp_path)
    assert_fails_against_nothing(OldCopiesContract, place=place, but=does_nothing)
    assert_fails_against_nothing(LostEpochsContract, place=place)
    assert_fails_against_nothing(KillsContract, place=place)


class TestEpochFile:
    """The file that a vault depends on is never made twice, and never taken for another."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "somewhere" / "epochs"

    @pytest.fixture
    def epochs(self, path: Path) -> EpochFile:
        epochs = EpochFile(path)
        epochs.make()
        return epochs

    def test_every_bucket_has_its_own_key(self, epochs: EpochFile, path: Path) -> None:
        assert path.stat().st_size == SIZE
        assert path.stat().st_mode & 0o777 == 0o600
        live = [epoch for bucket in range(BUCKETS) for epoch in epochs.live(bucket)]
        assert len({epoch.key for epoch in live}) == BUCKETS
        assert {epoch.number for epoch in live} == {1}

    def test_the_file_is_created_once(self, epochs: EpochFile, path: Path) -> None:
        made = path.read_bytes()
        epochs.make()
        assert path.read_bytes() == made
        assert [file.name for file in path.parent.iterdir()] == ["epochs"]

    def test_two_epochs_live_until_the_older_ends(self, epochs: EpochFile) -> None:
        (first,) = epochs.live(3)
        epochs.begin(3)
        assert epochs.live(3)[0] == first
        assert [epoch.number for epoch in epochs.live(3)] == [1, 2]
        epochs.end(3)
        assert [epoch.number for epoch in epochs.live(3)] == [2]
        epochs.begin(3)
        epochs.end(3)
        assert [epoch.number for epoch in epochs.live(3)] == [3]

    def test_the_older_epoch_must_end_before_another_begins(self, epochs: EpochFile) -> None:
        epochs.begin(3)
        live = epochs.live(3)
        with pytest.raises(ValueError, match="unpack"):
            epochs.begin(3)
        assert epochs.live(3) == live

    @pytest.mark.parametrize("size", range(0, SLOT.size, 7))
    def test_a_partly_written_epoch_is_ignored(
        self, epochs: EpochFile, path: Path, size: int
    ) -> None:
        """The power failed while it began."""
        before = path.read_bytes()
        epochs.begin(0)
        after = path.read_bytes()
        torn = after[: HEADER.size + size] + before[HEADER.size + size :]
        path.write_bytes(torn)
        assert [epoch.number for epoch in epochs.live(0)] == [1]
        epochs.begin(0)
        assert [epoch.number for epoch in epochs.live(0)] == [1, 2]

    @pytest.mark.parametrize("content", [b"", b"x" * SIZE, b"klarity epochs 1"])
    def test_another_file_than_one_of_epochs_is_refused(
        self, tmp_path: Path, path: Path, content: bytes
    ) -> None:
        path.parent.mkdir()
        path.write_bytes(content)
        with pytest.raises(WrongEpochs, match="damaged"):
            SqliteKeyVault(tmp_path / "keys.db", MASTER, EpochFile(path))
        assert path.read_bytes() == content

    def test_a_damaged_slot_is_refused(self, epochs: EpochFile, path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: HEADER.size] + bytes(SIZE - HEADER.size))
        with pytest.raises(WrongEpochs, match="backup"):
            epochs.live(0)
        path.write_bytes(content[: HEADER.size + SLOT.size + 5])
        with pytest.raises(WrongEpochs, match="backup"):
            epochs.live(0)

    def test_a_lost_file_is_refused_and_not_created_again(self, tmp_path: Path, path: Path) -> None:
        keys = tmp_path / "keys.db"
        with closing(SqliteKeyVault(keys, MASTER, EpochFile(path))) as vault:
            vault.make_key(ANN)
            path.unlink()
            with pytest.raises(WrongEpochs, match="cannot be used"):
                vault.key(ANN)
        with pytest.raises(WrongEpochs, match="cannot be used"):
            SqliteKeyVault(keys, MASTER, EpochFile(path))
        assert not path.exists()

    def test_the_file_of_another_vault_is_refused(self, tmp_path: Path, path: Path) -> None:
        keys, other = tmp_path / "keys.db", EpochFile(tmp_path / "other")
        SqliteKeyVault(keys, MASTER, EpochFile(path)).close()
        other.make()
        with pytest.raises(WrongEpochs, match="another vault"):
            SqliteKeyVault(keys, MASTER, other)

    def test_a_file_older_than_the_vault_is_refused(self, tmp_path: Path, path: Path) -> None:
        keys = tmp_path / "keys.db"
        with closing(SqliteKeyVault(keys, MASTER, EpochFile(path))) as vault:
            vault.make_key(ANN)
            vault.make_key(BOB)
            old = path.read_bytes()
            vault.destroy(ANN)
        path.write_bytes(old)
        with pytest.raises(WrongEpochs, match="old backup"):
            SqliteKeyVault(keys, MASTER, EpochFile(path))

    def test_a_tampered_key_does_not_prevent_a_destruction(
        self, tmp_path: Path, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with closing(SqliteKeyVault(tmp_path / "keys.db", MASTER, EpochFile(path))) as vault:
            keys = [vault.make_key(subject) for subject in (ANN, BOB, EVE)]
            with closing(SqliteDatabase(tmp_path / "keys.db", "")) as database:
                database.write("UPDATE keys SET wrapped = x'00' WHERE subject = ?", BOB)
            (before,) = vault._epochs.live(bucket_of(ANN))
            vault.destroy(ANN)
            assert vault.key(EVE) == keys[2]
            assert isinstance(before, Epoch)
            assert before.key not in path.read_bytes()
        assert "cannot be unwrapped" in caplog.text
