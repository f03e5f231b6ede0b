"""What all KeyVaults promise, and what the durable ones promise beyond it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest
from pymongo.database import Database

from adapters.key_vault import wrapped
from adapters.key_vault.epochs import EpochFile
from adapters.key_vault.memory import MemoryKeyVault
from adapters.key_vault.mongo import MongoKeyVault
from adapters.key_vault.sqlite import SqliteKeyVault
from adapters.key_vault.wrapped import WrongMasterKey
from adapters.mongo import Document
from adapters.sqlite import SqliteDatabase
from application.ports.key_vault import KeyDestroyed, KeyVault
from tests.contracts.nothing import assert_fails_against_nothing
from tests.contracts.racing import race
from tests.servers import wait_until

# One more user of the same vault.
Open = Callable[[], KeyVault]

MASTER = bytes(range(32))
OTHER_MASTER = bytes(32)
PATIENCE = 60.0


class KeyVaultContract:
    def test_a_key_does_not_exist_before_it_is_created(self, vault: Open) -> None:
        assert vault().key("ann") is None
        assert len(vault().make_key("ann")) == 32

    def test_a_key_is_the_same_for_all_users_of_the_vault(self, vault: Open) -> None:
        key = vault().make_key("ann")
        assert len(key) == 32
        assert vault().key("ann") == key
        assert vault().make_key("ann") == key

    def test_every_subject_has_its_own_key(self, vault: Open) -> None:
        subjects = ["ann", "bob", "évidence/7", "evidence/7", "a" * 200]
        keys = [vault().make_key(subject) for subject in subjects]
        assert len(set(keys)) == len(subjects)
        assert [vault().key(subject) for subject in subjects] == keys

    def test_a_destroyed_key_is_gone_and_never_made_again(self, vault: Open) -> None:
        opened = vault()
        key = opened.make_key("ann")
        assert opened.key("ann") == key
        opened.destroy("ann")
        assert opened.key("ann") is None
        with pytest.raises(KeyDestroyed):
            opened.make_key("ann")
        assert opened.key("ann") is None

    def test_a_destroyed_key_is_gone_for_later_users_of_the_vault(self, vault: Open) -> None:
        vault().make_key("ann")
        vault().destroy("ann")
        assert vault().key("ann") is None
        with pytest.raises(KeyDestroyed):
            vault().make_key("ann")

    def test_destroying_one_key_leaves_the_others(self, vault: Open) -> None:
        vault().make_key("ann")
        key = vault().make_key("bob")
        vault().destroy("ann")
        assert vault().key("bob") == key

    def test_destroying_a_missing_key_prevents_its_creation(self, vault: Open) -> None:
        vault().destroy("ann")
        vault().destroy("ann")
        assert vault().key("ann") is None
        with pytest.raises(KeyDestroyed):
            vault().make_key("ann")

    def test_concurrent_creations_of_a_key_return_the_same_key(self, vault: Open) -> None:
        users = [vault() for _ in range(6)]
        for subject in ("ann", "bob", "eve"):
            made = race(6, lambda it, subject=subject: users[it].make_key(subject))  # type: ignore[misc] # mypy does not infer a lambda with a default
            assert len(set(made)) == 1
            assert vault().key(subject) == made[0]

    def test_a_destroyed_key_is_unreadable_at_once_in_this_process(self, vault: Open) -> None:
        opened = vault()
        for number in range(10):
            subject = f"member {number}"
            opened.make_key(subject)

            def read_or_destroy(it: int, subject: str = subject) -> None:
                opened.key(subject) if it else opened.destroy(subject)

            race(4, read_or_destroy)
            assert opened.key(subject) is None


class DurableVault(Protocol):
    """A place that keeps wrapped keys."""

    def open(self, master_key: bytes = MASTER) -> KeyVault: ...

    def swap(self, subject: str, other: str) -> None:
        """Exchange what is stored for two subjects."""
        ...


class DurableKeyVaultContract:
    """Beyond KeyVaultContract: what is stored is of no use without the master key."""

    def test_another_master_key_is_refused_for_reading(self, place: DurableVault) -> None:
        place.open().make_key("ann")
        with pytest.raises(WrongMasterKey):
            place.open(OTHER_MASTER).key("ann")

    def test_another_master_key_is_refused_for_new_subjects(self, place: DurableVault) -> None:
        place.open().make_key("ann")
        with pytest.raises(WrongMasterKey):
            place.open(OTHER_MASTER).make_key("bob")
        assert place.open().key("bob") is None
        assert place.open().key("ann")

    def test_a_stored_key_is_bound_to_its_subject(self, place: DurableVault) -> None:
        place.open().make_key("ann")
        place.open().make_key("bob")
        place.swap("ann", "bob")
        with pytest.raises(WrongMasterKey):
            place.open().key("ann")

    @pytest.mark.parametrize("size", [0, 16, 31, 33])
    def test_a_master_key_has_32_bytes(self, place: DurableVault, size: int) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            place.open(bytes(size))

    def test_another_process_caches_a_destroyed_key_for_a_limited_time(
        self, place: DurableVault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wrapped, "REMEMBERED_SECONDS", 0.2)
        here, there = place.open(), place.open()
        key = here.make_key("ann")
        assert there.key("ann") == key
        here.destroy("ann")
        assert wait_until(lambda: there.key("ann") is None, PATIENCE)

    def test_a_fresh_read_does_not_return_a_key_destroyed_by_another_process(
        self, place: DurableVault
    ) -> None:
        here, there = place.open(), place.open()
        key = here.make_key("ann")
        assert there.key("ann") == there.key("ann", fresh=True) == key
        here.destroy("ann")
        assert there.key("ann") == key
        assert there.key("ann", fresh=True) is None
        assert there.key("ann") is None

    def test_the_number_of_cached_keys_is_limited(
        self, place: DurableVault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wrapped, "REMEMBERED_KEYS", 2)
        here, there = place.open(), place.open()
        keys = [here.make_key(subject) for subject in ("ann", "bob", "eve")]
        assert [here.key(subject) for subject in ("ann", "bob", "eve")] == keys
        there.destroy("ann")
        there.destroy("eve")
        assert here.key("bob") == keys[1]
        assert here.key("ann") is None


class TestMemoryKeyVault(KeyVaultContract):
    @pytest.fixture
    def vault(self) -> Open:
        only = MemoryKeyVault()
        return lambda: only


class SqlitePlace:
    """A vault in a file, with as many connections to it as were opened."""

    def __init__(self, path: Path, epochs: Path) -> None:
        self.path = path
        self.epochs = EpochFile(epochs)
        self.opened: list[SqliteKeyVault] = []

    def open(self, master_key: bytes = MASTER) -> SqliteKeyVault:
        self.opened.append(SqliteKeyVault(self.path, master_key, self.epochs))
        return self.opened[-1]

    def swap(self, subject: str, other: str) -> None:
        stored = {name: self.stored(name) for name in (subject, other)}
        with closing(SqliteDatabase(self.path, "")) as database:
            for name, taken in ((subject, other), (other, subject)):
                database.write("UPDATE keys SET wrapped = ? WHERE subject = ?", stored[taken], name)

    def stored(self, subject: str) -> bytes:
        with closing(SqliteDatabase(self.path, "")) as database:
            row = database.row("SELECT wrapped FROM keys WHERE subject = ?", subject)
        return bytes(row[0])

    def on_disk(self) -> bytes:
        """All bytes of the file and of those that SQLite keeps beside it."""
        return b"".join(file.read_bytes() for file in self.path.parent.iterdir())

    def close(self) -> None:
        for vault in self.opened:
            vault.close()


class TestSqliteKeyVault(KeyVaultContract, DurableKeyVaultContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[SqlitePlace]:
        place = SqlitePlace(tmp_path / "keys" / "vault.sqlite", tmp_path / "epochs")
        yield place
        place.close()

    @pytest.fixture
    def vault(self, place: SqlitePlace) -> Open:
        return place.open

    def test_keys_are_stored_wrapped_only(self, place: SqlitePlace) -> None:
        key = place.open().make_key("ann")
        assert place.stored("ann") in place.on_disk()
        assert key not in place.on_disk()

    def test_other_users_of_the_machine_cannot_read_the_file(self, place: SqlitePlace) -> None:
        place.open().make_key("ann")
        modes = {file.stat().st_mode & 0o077 for file in place.path.parent.iterdir()}
        assert modes == {0}

    def test_no_byte_of_a_destroyed_key_stays_on_disk(self, place: SqlitePlace) -> None:
        vault = place.open()
        subjects = [f"{number % 97}-member-{number}" for number in range(600)]
        for subject in subjects:
            vault.make_key(subject)
        doomed = {subject: place.stored(subject) for subject in subjects[::60]}
        assert all(stored in place.on_disk() for stored in doomed.values())
        for subject in doomed:
            vault.destroy(subject)
        left = place.on_disk()
        assert not any(stored[:16] in left or stored[-16:] in left for stored in doomed.values())
        assert place.stored(subjects[1]) in left


class MongoPlace:
    """A vault in a database."""

    def __init__(self, database: Database[Document], epochs: Path) -> None:
        self.database = database
        self.epochs = EpochFile(epochs)

    def open(self, master_key: bytes = MASTER) -> MongoKeyVault:
        return MongoKeyVault(self.database, master_key, self.epochs)

    def swap(self, subject: str, other: str) -> None:
        stored = {one["_id"]: one["wrapped"] for one in self.database["keys"].find()}
        for name, taken in ((subject, other), (other, subject)):
            change = {"$set": {"wrapped": stored[taken]}}
            self.database["keys"].update_one({"_id": name}, change)


class TestMongoKeyVault(KeyVaultContract, DurableKeyVaultContract):
    @pytest.fixture
    def place(self, mongo_database: Database[Document], tmp_path: Path) -> MongoPlace:
        return MongoPlace(mongo_database, tmp_path / "epochs")

    @pytest.fixture
    def vault(self, place: MongoPlace) -> Open:
        return place.open

    def test_no_byte_of_a_destroyed_key_stays_in_the_collection(self, place: MongoPlace) -> None:
        key = place.open().make_key("ann")
        stored = place.database["keys"].find_one({"_id": "ann"})
        assert stored is not None
        assert key not in stored["wrapped"]
        place.open().destroy("ann")
        left = place.database["keys"].find_one({"_id": "ann"}, {"wrapped": True, "epoch": True})
        assert left == {"_id": "ann", "wrapped": b"", "epoch": 0}


class Nothing:
    def key(self, subject: str, *, fresh: bool = False) -> bytes | None:
        return None

    def make_key(self, subject: str) -> bytes:
        return b""

    def destroy(self, subject: str) -> None: ...


class NoPlace:
    def open(self, master_key: bytes = MASTER) -> KeyVault:
        return Nothing()

    def swap(self, subject: str, other: str) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    reads_nothing = "test_a_destroyed_key_is_unreadable_at_once_in_this_process"
    assert_fails_against_nothing(KeyVaultContract, vault=Nothing, but=[reads_nothing])
    with pytest.MonkeyPatch.context() as patch:
        assert_fails_against_nothing(DurableKeyVaultContract, place=NoPlace(), monkeypatch=patch)
