"""Backups of the stores of one machine, and of those in MongoDB: made, killed, restored."""

from __future__ import annotations

import os
import resource
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import Result
from pymongo.errors import AutoReconnect, OperationFailure

from adapters.backup import sqlite
from adapters.backup.archive import ArchiveWriter
from adapters.backup.folder import IN_MEMORY, BackupFolder, new_key
from adapters.backup.mongo import MongoStores
from adapters.backup.sqlite import SqliteStores
from adapters.key_vault.epochs import UNFINISHED, EpochFile
from adapters.leases.mongo import MongoLeases
from adapters.mongo import connect
from application.engine.executor import CommandContext
from application.ports.backup import BackupPiece, BackupRefused
from config.backups import back_up, restored
from config.main import open_tools
from config.process import Process, RestoreUnfinished
from config.settings import read_settings
from domain.actors import Actor
from domain.ids import MemberId
from domain.members.member import EraseMember
from entrypoints.backups import Added, WantedBackup
from tests.test_cli import klarity

PHRASE = "four plain words"
SECRET = "a secret of the tests, long enough"
KILLED = 9
LITTLE_ROOM = 1 << 16
"""In bytes: too few for a file of epochs, and so for an archive of keys."""


@dataclass
class Instance:
    """An instance in this process, chosen by the environment."""

    folder: Path
    patch: pytest.MonkeyPatch
    settings: Callable[[str], dict[str, str]]
    fingerprint: str = ""

    def __post_init__(self) -> None:
        self.backups, self.key = self.folder / "backups", self.folder / "key"
        self.public_key = new_key(self.key)
        self.move("here")

    def move(self, name: str) -> None:
        """Choose another place."""
        for setting, value in self.settings(name).items():
            self.patch.setenv(f"KLARITY_{setting}", value)

    def back_up(self, added: Added = lambda _: None) -> str:
        name, self.fingerprint = back_up(self.backups, [self.public_key], added)
        return name

    def restore(self, *arguments: str) -> Result:
        return self.restore_unknown("--fingerprint", self.fingerprint, *arguments)

    def restore_unknown(self, *arguments: str) -> Result:
        """Restore without the fingerprint."""
        return klarity("restore", str(self.backups), "--key", str(self.key), *arguments)

    def is_killed_after(self, pieces: int, command: Callable[[Added], object]) -> bool:
        """Run a command that is killed after so many pieces. Returns whether it was."""
        left = iter(range(pieces))

        def added(_: BackupPiece) -> None:
            if next(left, None) is None:
                os._exit(KILLED)

        with warnings.catch_warnings(action="ignore"):  # threads of the tests are not in the child
            child = os.fork()
        if not child:
            command(added)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED

    def restore_killed(self, added: Added) -> None:
        wanted = WantedBackup(
            folder=self.backups, key=self.key, name="", fingerprint=self.fingerprint, replace=True
        )
        with restored(wanted, added):
            pass

    def members(self) -> set[str]:
        with open_tools() as tools:
            found = [tools._credentials.find(name) for name in ("anna", "berta", "clara")]
            return {each.member_id for each in found if each}


@pytest.fixture(params=["sqlite", "mongo"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Instance:
    name = f"klarity_{uuid4().hex[:10]}"

    def settings(place: str) -> dict[str, str]:
        folder = tmp_path / place
        chosen = {"DATA": str(folder / "data"), "EPOCHS": str(folder / "epochs")}
        if request.param == "sqlite":
            return chosen
        return chosen | {
            "EVENT_STORE": "mongo",
            "READ_MODELS": "mongo",
            "MEDIA": "gridfs",
            "MONGO_URL": request.getfixturevalue("mongo_url"),
            "MONGO_DATABASE": f"{name}_{place}",
            "SECRET": SECRET,
            "SEARCH_URL": f"file://{folder}/search",
        }

    return Instance(tmp_path, monkeypatch, settings)


def add(name: str) -> str:
    with open_tools() as tools:
        return tools.add_member(name, PHRASE)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.age*")}


def test_everything_is_restored_elsewhere(instance: Instance) -> None:
    anna = add("Anna")
    with closing(Process(read_settings(), alone=False)) as process:
        process.container.media().write("originals/e1", iter([b"what was filmed"]))
    instance.back_up()
    instance.move("there")
    told = instance.restore()
    assert told.exit_code == 0, told.output
    assert "members: 1 events, 0 faults" in told.output
    assert instance.members() == {anna}
    with closing(Process(read_settings(), alone=False)) as process:
        media = process.container.media()
        assert b"".join(media.open("originals/e1").read()) == b"what was filmed"


def test_a_large_blob_is_copied_where_there_is_no_room_for_temporary_files(
    instance: Instance,
) -> None:
    add("Anna")
    film = os.urandom(IN_MEMORY + 1)
    with closing(Process(read_settings(), alone=False)) as process:
        process.container.stored_media().write("originals/e1", iter([film]))
    instance.patch.setattr(tempfile, "tempdir", str(instance.folder / "nowhere"))
    instance.back_up()
    instance.move("there")
    assert instance.restore().exit_code == 0
    with closing(Process(read_settings(), alone=False)) as process:
        assert b"".join(process.container.stored_media().open("originals/e1").read()) == film


def test_who_was_erased_after_an_older_backup_is_erased_again(instance: Instance) -> None:
    anna, berta = add("Anna"), add("Berta")
    older = instance.back_up()
    with closing(Process(read_settings(), alone=False)) as process:
        erase(process, anna)
    newer = instance.back_up()
    for name, erased in ((older, 1), (newer, 0)):
        instance.move(f"there-{erased}")
        told = instance.restore("--backup", name)
        assert told.exit_code == 0, told.output
        assert f"after this backup: {erased} members" in told.output
        assert instance.members() == {berta}


def erase(process: Process, member_id: str) -> None:
    own = Actor(member_id=MemberId(member_id))
    command = EraseMember(by=own, at=process.container.clock()())
    process.use_cases.executors.members.execute(member_id, command, CommandContext())
    process.use_cases.accounts.forget(member_id)


def test_a_member_is_erased_while_a_snapshot_is_open(instance: Instance) -> None:
    anna, berta = add("Anna"), add("Berta")
    with closing(Process(read_settings(), alone=False)) as process:
        with process.container.instance_stores().snapshot() as pieces:
            next(pieces)
            erase(process, anna)
            process.container.vault().destroy(anna)
        assert instance.members() == {berta}


def test_a_key_is_destroyed_while_the_logs_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))
    anna = add("Anna")
    with closing(Process(read_settings(), alone=False)) as process:
        copy = sqlite._copy

        def copied(source: sqlite3.Connection, target: Path) -> None:
            if target.name == sqlite.LOGS:
                erase(process, anna)
                process.container.vault().destroy(anna)
            copy(source, target)

        monkeypatch.setattr(sqlite, "_copy", copied)
        with process.container.instance_stores().snapshot() as pieces:
            assert [piece.name for piece in pieces if piece.is_key]


def test_a_backup_of_a_kill_at_any_moment_leaves_the_one_before(instance: Instance) -> None:
    anna = add("Anna")
    instance.back_up()
    before, pieces = contents(instance.backups), 0
    while instance.is_killed_after(pieces, instance.back_up):
        assert before.items() <= contents(instance.backups).items()
        pieces += 1
    assert pieces >= len(before)
    assert len(BackupFolder(instance.backups).archives()) == 2
    assert not list(instance.backups.glob("*.unfinished"))
    instance.move("there")
    assert instance.restore().exit_code == 0
    assert instance.members() == {anna}


def test_after_a_restore_was_killed_nothing_starts_until_it_is_repeated(
    instance: Instance,
) -> None:
    anna = add("Anna")
    instance.back_up()
    instance.move("there")
    for pieces in (0, 2, 5):
        assert instance.is_killed_after(pieces, instance.restore_killed)
        with pytest.raises(RestoreUnfinished):
            Process(read_settings(), alone=False)
        refused = klarity("backup", str(instance.backups), "--to", instance.public_key)
        assert "A restore was interrupted" in refused.output
    assert instance.restore().exit_code == 0
    assert instance.members() == {anna}


def test_a_place_in_use_is_left_alone_unless_it_is_to_be_replaced(instance: Instance) -> None:
    anna = add("Anna")
    instance.back_up()
    berta = add("Berta")
    refused = instance.restore()
    assert refused.exit_code == 1
    assert "--replace deletes it" in refused.output
    assert instance.members() == {anna, berta}
    assert instance.restore("--replace").exit_code == 0
    assert instance.members() == {anna}


def test_a_restore_overwrites_the_epochs_before_it_and_those_of_a_killed_restore(
    instance: Instance,
) -> None:
    add("Anna")
    instance.back_up()
    epochs = instance.folder / "here/epochs"
    left = epochs.with_name(f"{UNFINISHED}left")
    left.write_bytes(epochs.read_bytes())
    with epochs.open("rb") as before, left.open("rb") as unfinished:
        assert instance.restore("--replace").exit_code == 0
        assert set(before.read()) == set(unfinished.read()) == {0}
    assert not left.exists()


@pytest.mark.parametrize("file", ["klarity", "keys"])
def test_a_damaged_backup_is_refused_before_anything_is_changed(
    instance: Instance, file: str
) -> None:
    anna = add("Anna")
    instance.back_up()
    (path,) = instance.backups.glob(f"{file}*.age")
    content = path.read_bytes()
    middle = len(content) // 2
    changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for damaged in (b"", content[:-1], content[:middle], changed):
        path.write_bytes(damaged)
        refused = instance.restore("--replace")
        assert refused.exit_code == 1, refused.output
        assert "incomplete or damaged" in refused.output
    path.unlink()
    assert instance.restore("--replace").exit_code == 1
    assert instance.members() == {anna}


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let this process make no file larger than ``size``, as if a disk were full."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def is_plain(told: Result) -> bool:
    """Whether a command ended with one message, and not with a traceback."""
    return isinstance(told.exception, SystemExit) and "cannot be read or written" in told.output


def test_a_backup_without_room_says_so_and_leaves_the_one_before(instance: Instance) -> None:
    add("Anna")
    instance.back_up()
    before = contents(instance.backups)
    for room in (LITTLE_ROOM, LITTLE_ROOM // 8):
        with room_for(room):
            told = klarity("backup", str(instance.backups), "--to", instance.public_key)
        assert is_plain(told), told
        assert contents(instance.backups) == before
        assert not list((instance.folder / "here/data").glob(".backup-*"))


@pytest.mark.parametrize("size", [1000, LITTLE_ROOM + 1000, 10 * LITTLE_ROOM])
def test_a_folder_without_room_keeps_no_half_archive(tmp_path: Path, size: int) -> None:
    """Wherever it is noticed: at the first bytes, or when the last ones are written."""
    recipient, folder = new_key(tmp_path / "key"), BackupFolder(tmp_path / "backups")
    label, piece = {"text": "x" * LITTLE_ROOM}, BackupPiece("a", size, iter([bytes(size)]))
    with (
        pytest.raises(BackupRefused, match=r"backups cannot be .* File too large"),
        room_for(LITTLE_ROOM),
        folder.new([recipient], label, b"k" * 32, datetime.now(UTC)) as backup,
    ):
        backup.add(piece)
    assert not contents(tmp_path / "backups")


def test_a_restore_without_room_says_so_and_can_be_repeated(instance: Instance) -> None:
    anna = add("Anna")
    instance.back_up()
    instance.move("there")
    with room_for(LITTLE_ROOM):
        told = instance.restore()
    assert is_plain(told), told
    assert not list((instance.folder / "there").glob(".*"))
    with pytest.raises(RestoreUnfinished):
        Process(read_settings(), alone=False)
    assert instance.restore().exit_code == 0
    assert instance.members() == {anna}


def test_epochs_that_cannot_be_read_are_told(instance: Instance) -> None:
    add("Anna")
    epochs = instance.folder / "here/epochs"
    epochs.unlink()
    epochs.mkdir()
    assert is_plain(klarity("backup", str(instance.backups), "--to", instance.public_key))


def test_keys_of_something_else_are_refused(instance: Instance) -> None:
    add("Anna")
    instance.back_up()
    keys = instance.backups / "keys.age"
    keys.unlink()
    archive = ArchiveWriter(keys, [instance.public_key])
    with closing(archive):
        archive.finish({}, b"k" * 32)
    refused = instance.restore("--replace")
    assert "keys.age holds no keys" in refused.output


def test_a_place_without_an_instance_cannot_be_backed_up(instance: Instance) -> None:
    with pytest.raises(BackupRefused, match="no instance"):
        instance.back_up()


def test_a_secret_that_is_another_is_refused(instance: Instance) -> None:
    add("Anna")
    instance.back_up()
    instance.move("there")
    instance.patch.setenv("KLARITY_SECRET", "another secret, which is as long as one")
    refused = instance.restore()
    assert "set KLARITY_SECRET to that of the backup" in refused.output
    with pytest.raises(BackupRefused, match="no instance"):
        instance.back_up()


@pytest.mark.parametrize("instance", ["sqlite"], indirect=True)
def test_a_backup_with_a_secret_that_an_attacker_has_made_is_refused(instance: Instance) -> None:
    anna = add("Anna")
    instance.back_up()
    known = instance.fingerprint
    instance.move("of-the-attacker")
    add("Clara")
    forged = instance.back_up()
    for place in ("here", "there"):
        instance.move(place)
        for arguments in ([], ["--fingerprint", known]):
            refused = instance.restore_unknown("--replace", *arguments)
            assert refused.exit_code == 1
            assert f"The fingerprint of {forged} is {instance.fingerprint}" in refused.output
    instance.move("here")
    assert instance.members() == {anna}


@pytest.mark.parametrize("instance", ["sqlite"], indirect=True)
def test_the_secret_that_is_here_makes_the_fingerprint_needless(instance: Instance) -> None:
    secret = instance.folder / "here/data/secret"
    secret.parent.mkdir(parents=True)
    secret.write_text(f"{SECRET}\n")  # as an editor writes it
    anna = add("Anna")
    instance.back_up()
    instance.move("there")
    assert "--fingerprint" in instance.restore_unknown().output
    instance.move("here")
    told = instance.restore_unknown("--replace")
    assert told.exit_code == 0, told.output
    assert instance.members() == {anna}


@pytest.mark.parametrize("instance", ["sqlite"], indirect=True)
def test_a_secret_that_was_set_must_be_set_again(instance: Instance) -> None:
    instance.patch.setenv("KLARITY_SECRET", SECRET)
    add("Anna")
    instance.back_up()
    instance.move("there")
    instance.patch.delenv("KLARITY_SECRET")
    assert "set KLARITY_SECRET to that" in instance.restore().output
    instance.patch.setenv("KLARITY_SECRET", SECRET)
    assert instance.restore_unknown().exit_code == 0


def test_the_name_on_a_broker_must_be_another(instance: Instance) -> None:
    anna = add("Anna")
    instance.back_up()
    instance.move("there")
    instance.patch.setenv("KLARITY_SECRET_FILE", str(secret_of(instance)))
    instance.patch.delenv("KLARITY_SECRET", raising=False)
    instance.patch.setenv("KLARITY_BUS_URL", "redis://broker.invalid")
    refused = instance.restore()
    assert "set KLARITY_BUS_PREFIX to a name that was never used" in refused.output
    instance.patch.setenv("KLARITY_BUS_PREFIX", "klarity-2")
    assert instance.restore().exit_code == 0
    assert instance.members() == {anna}


def secret_of(instance: Instance) -> Path:
    """A file of the instance's secret."""
    path = instance.folder / "here/data/secret"
    if not path.exists():
        path.parent.mkdir(parents=True)
        path.write_text(instance.settings("here")["SECRET"])
    return path


@pytest.fixture
def mongo_stores(mongo_url: str, tmp_path: Path) -> Iterator[MongoStores]:
    """The stores of an instance in MongoDB that has nothing yet."""
    database = connect(mongo_url, f"klarity_{uuid4().hex[:10]}")
    EpochFile(tmp_path / "epochs").make()
    yield MongoStores(database, tmp_path / "epochs", None)
    database.client.close()


def test_nothing_is_deleted_while_processes_run(mongo_stores: MongoStores) -> None:
    leases = MongoLeases(mongo_stores._database)
    assert leases.acquire("relay.cases", "somebody", 60)
    with pytest.raises(BackupRefused, match="stop all of them"):
        mongo_stores.begin()
    assert not mongo_stores.is_restoring()
    leases.release("relay.cases", "somebody")
    mongo_stores.begin()
    assert mongo_stores.is_restoring()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationFailure("too old", 239), "minSnapshotHistoryWindowInSeconds"),
        (OperationFailure("no", 13), "MongoDB: error 13"),
        (AutoReconnect("away"), "MongoDB: AutoReconnect"),
    ],
)
def test_errors_of_mongodb_are_told(mongo_stores: MongoStores, error: Exception, told: str) -> None:
    with pytest.raises(BackupRefused, match=told), mongo_stores.snapshot():
        raise error


@pytest.mark.parametrize("file", ["klarity.db", "keys.db"])
def test_a_writer_that_does_not_end_is_told(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))
    monkeypatch.setattr("adapters.backup.sqlite.BUSY_SECONDS", 0)
    add("Anna")
    stores = SqliteStores(tmp_path, tmp_path / "epochs", None)
    with closing(sqlite3.connect(tmp_path / file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackupRefused, match="database is locked"), stores.snapshot():
            pass


def test_two_backups_of_one_machine_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))
    add("Anna")
    stores = SqliteStores(tmp_path, tmp_path / "epochs", None)
    with (
        stores.snapshot(),
        pytest.raises(BackupRefused, match="Another backup of this instance"),
        stores.snapshot(),
    ):
        pass
