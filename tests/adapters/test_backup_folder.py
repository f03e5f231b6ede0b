"""The folder of encrypted backups: published whole, one copy of the keys, no plain byte."""

import io
import os
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest

from adapters.backup.archive import ArchiveWriter
from adapters.backup.folder import IN_MEMORY, BackupFolder, StoredArchives, new_key, read_keys
from application.ports.backup import BackupPiece, BackupRefused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEAL = b"s" * 32
PIECES = {"keys/secret": b"the secret", "records/logs": b"", "media/originals/e1": b"film " * 9999}
LABEL = {"stores": "sqlite", "bus_prefix": "klarity"}


class Folder:
    """A folder of backups, and the key that opens them."""

    def __init__(self, path: Path) -> None:
        self.path = path / "backups"
        self.key = path / "key"
        self.public_key = new_key(self.key)
        self.backups = BackupFolder(self.path)

    def write(
        self,
        pieces: Mapping[str, bytes] = PIECES,
        *,
        now: datetime = NOW,
        seal: bytes = SEAL,
        **label: str,
    ) -> str:
        new = self.backups.new([self.public_key], {**LABEL, **label}, seal, now)
        with new as backup:
            for name, content in pieces.items():
                backup.add(BackupPiece(name, len(content), iter([content])))
        return backup.name

    def open(self, name: str = "") -> StoredArchives:
        found = self.backups.open(read_keys(self.key), name)
        found.seal_with(SEAL)
        return found

    def read(self, name: str = "") -> dict[str, bytes]:
        return {each.name: b"".join(each.chunks) for each in self.open(name).pieces()}

    def refused(self, name: str = "") -> str:
        with pytest.raises(BackupRefused) as refusal:
            self.read(name)
        return str(refusal.value)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_backup_is_read_as_it_was_written(folder: Folder) -> None:
    folder.write()
    assert folder.read() == PIECES
    stored = folder.open()
    assert (stored.secret(), stored.kind) == ("the secret", "sqlite")
    for piece in stored.pieces():
        next(piece.chunks, b"")  # what is not read is checked, too
    assert stored.label["bus_prefix"] == "klarity"


def test_other_tools_read_it(folder: Folder) -> None:
    name = folder.write()
    identity = pyrage.x25519.Identity.from_str(read_keys(folder.key)[0])
    plain = pyrage.decrypt((folder.path / name).read_bytes(), [identity])
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        assert tar.getnames() == ["records/logs", "media/originals/e1", "label.json"]


def test_nothing_is_readable_without_the_private_key(folder: Folder, tmp_path: Path) -> None:
    folder.write()
    for path in folder.path.glob("*.age"):
        content = path.read_bytes()
        assert not [word for word in (b"secret", b"film", b"records", b"sqlite") if word in content]
        assert path.stat().st_mode & 0o077 == 0
    new_key(tmp_path / "other")
    other = folder.backups.open(read_keys(tmp_path / "other"))
    with pytest.raises(BackupRefused, match="encrypted for another key"):
        other.secret()


def test_older_archives_open_with_the_newest_keys(folder: Folder) -> None:
    older = folder.write({"keys/vault": b"1", "records/logs": b"1"})
    newer = folder.write({"keys/vault": b"2", "records/logs": b"2"}, now=NOW - timedelta(days=1))
    assert folder.backups.archives() == [older, newer]
    assert folder.read(older) == {"keys/vault": b"2", "records/logs": b"1"}
    assert folder.read() == {"keys/vault": b"2", "records/logs": b"2"}


def test_older_keys_are_refused(folder: Folder) -> None:
    folder.write()
    kept = (folder.path / "keys.age").read_bytes()
    folder.write()
    (folder.path / "keys.age").write_bytes(kept)
    assert "keys.age is older than" in folder.refused()


def test_an_old_archive_under_a_newer_name_is_refused(folder: Folder) -> None:
    older = folder.write()
    newer = folder.write()
    (folder.path / older).replace(folder.path / newer)
    assert f"{newer} was renamed: it was {older}" in folder.refused()


def test_the_keys_before_are_overwritten(folder: Folder) -> None:
    folder.write()
    with (folder.path / "keys.age").open("rb") as before:
        folder.write()
        assert set(before.read()) == {0}


@pytest.mark.parametrize("published", [False, True])
def test_keys_that_a_killed_backup_left_are_overwritten_by_the_next(
    folder: Folder, published: bool
) -> None:
    folder.write()
    keys, old = folder.path / "keys.age", folder.path / "keys.age.old"
    os.link(keys, old)
    if published:
        keys.unlink()
        keys.write_bytes(b"newer")
    (folder.path / "keys.age.unfinished").touch()
    with old.open("rb") as before:
        folder.write()
        assert set(before.read()) == {0}
    assert not old.exists()
    assert folder.read() == PIECES


def test_a_failed_backup_leaves_the_folder_as_it_was(folder: Folder) -> None:
    folder.write()
    kept = {path.name: path.read_bytes() for path in folder.path.glob("*.age")}
    with pytest.raises(RuntimeError):
        folder.write({"media/x": b"", "records/y": _Fails()})  # type: ignore[dict-item]  # it fails
    assert {path.name: path.read_bytes() for path in folder.path.glob("*.age")} == kept


class _Fails:
    """A content that has a size, and cannot be read."""

    def __len__(self) -> int:
        raise RuntimeError


def test_a_full_disk_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("adapters.backup.archive.pyrage.encrypt_io", full)
    with pytest.raises(BackupRefused, match=r"backups cannot be .* No space left"):
        folder.write({"media/x": bytes(10_000_000)})


def test_a_backup_of_another_instance_or_a_forged_one_is_refused(folder: Folder) -> None:
    folder.write(seal=b"x" * 32)
    assert "was not written by the instance that has this secret" in folder.refused()


def test_a_format_of_a_newer_program_is_refused(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.backup.folder.FORMAT", "2")
    folder.write()
    monkeypatch.undo()
    assert "newer program" in folder.refused()


def test_files_that_were_exchanged_are_refused(folder: Folder) -> None:
    name = folder.write()
    (folder.path / "keys.age").write_bytes((folder.path / name).read_bytes())
    assert "files were exchanged" in folder.refused()


@pytest.mark.parametrize("plain", [b"", b"no tar " * 1000])
def test_a_file_without_a_label_is_damaged(folder: Folder, plain: bytes) -> None:
    name = folder.write()
    recipient = pyrage.x25519.Recipient.from_str(folder.public_key)
    (folder.path / name).write_bytes(pyrage.encrypt(plain, [recipient]))
    assert "incomplete or damaged" in folder.refused()


def test_what_is_not_there_cannot_be_opened(folder: Folder) -> None:
    with pytest.raises(BackupRefused, match="no backup here"):
        folder.open()
    name = folder.write()
    with pytest.raises(BackupRefused, match=f"no backup klarity-x: {name}"):
        folder.open("klarity-x")
    (folder.path / "keys.age").unlink()
    with pytest.raises(BackupRefused, match=r"keys\.age is missing"):
        folder.open()


def test_a_kill_leaves_no_blob_that_was_read_only_in_part(folder: Folder) -> None:
    new = folder.backups.new([folder.public_key], LABEL, SEAL, NOW)
    with new as backup:
        before = {path.name for path in folder.path.iterdir()}
        with backup.spool() as file:
            file.write(bytes(IN_MEMORY + 1))
            assert {path.name for path in folder.path.iterdir()} == before


def test_one_backup_at_a_time_is_written(folder: Folder) -> None:
    new = folder.backups.new([folder.public_key], LABEL, SEAL, NOW)
    with new, pytest.raises(BackupRefused, match="Another backup"):
        folder.write()


def test_wrong_keys_are_told(folder: Folder, tmp_path: Path) -> None:
    new = folder.backups.new(["age1nonsense"], LABEL, SEAL, NOW)
    with pytest.raises(BackupRefused, match="begins with age1"), new:
        pass
    with pytest.raises(BackupRefused, match="cannot be written"):
        new_key(folder.key)
    for content in ("", "# a comment\n", "AGE-SECRET-KEY-nonsense"):
        (tmp_path / "other").write_text(content)
        with pytest.raises(BackupRefused, match="holds no private key"):
            read_keys(tmp_path / "other")
    with pytest.raises(BackupRefused, match="cannot be read"):
        read_keys(tmp_path / "nowhere")


def test_a_writer_that_is_closed_early_ends_its_thread(folder: Folder, tmp_path: Path) -> None:
    writer = ArchiveWriter(tmp_path / "file", [folder.public_key])
    writer.close()
