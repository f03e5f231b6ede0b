"""Backups in a folder: an archive of each backup, and one file of the newest keys.

``keys.age`` holds what opens everything personal: the key vault and its epochs. Each backup
replaces it, and overwrites the file before. A key that was destroyed since is then in no backup any
more. The newest keys open all older archives, because keys are added or destroyed, never changed.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

import pyrage

from adapters.backup.archive import ArchiveReader, ArchiveWriter, Label
from adapters.backup.files import reporting
from adapters.disk import overwrite_and_remove, sync_folder
from application.ports.backup import KEYS, BackupPiece, BackupRefused

KEYS_FILE = "keys.age"
OLD_KEYS = "keys.age.old"
UNFINISHED = ".unfinished"
NAME = re.compile(r"klarity-(\d{8}T\d{6}Z)\.age")
TIME = "%Y%m%dT%H%M%SZ"
FORMAT = "1"
IN_MEMORY = 8 * 1024 * 1024
SECRET = f"{KEYS}secret"

SealKey = bytes


class BackupFolder:
    """A folder of backups of one instance. Methods raise BackupRefused."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def archives(self) -> list[str]:
        """Return the names of the archives, the oldest first."""
        return sorted(each.name for each in self._path.glob("*.age") if NAME.fullmatch(each.name))

    @contextmanager
    def new(
        self, recipients: Sequence[str], label: Label, seal_key: SealKey, now: datetime
    ) -> Iterator["NewArchives"]:
        """Write a backup. It appears when the block has ended, and not at all if it fails."""
        _check(recipients)
        with reporting(self._path), self._locked():
            self._clear_away()
            made_at = max(now, self._newest() + timedelta(seconds=1)).strftime(TIME)
            name = _name(made_at)
            label = {**label, "format": FORMAT, "made_at": made_at}
            try:
                with closing(NewArchives(self._path, name, recipients)) as writing:
                    yield writing
                    writing.finish(label, seal_key)
                self._publish(name)
            finally:
                self._clear_away()

    def open(self, identities: Sequence[str], name: str = "") -> "StoredArchives":
        """Return the backup of this name, or the newest one."""
        names = self.archives()
        if not names or (name and name not in names):
            raise BackupRefused(f"There is no backup {name or 'here'}: {', '.join(names)}")
        if not (self._path / KEYS_FILE).exists():
            raise BackupRefused(f"{KEYS_FILE} is missing: the other files cannot be read without.")
        return StoredArchives(self._path, name or names[-1], identities)

    def _newest(self) -> datetime:
        names = self.archives() or ["klarity-19700101T000000Z.age"]
        found = NAME.fullmatch(names[-1])
        return datetime.strptime(found[1] if found else "", TIME).replace(tzinfo=UTC)

    def _publish(self, name: str) -> None:
        """Replace the keys first: newer keys fit an older archive, but not the other way round."""
        keys, old = self._path / KEYS_FILE, self._path / OLD_KEYS
        if keys.exists():
            os.link(keys, old)
        (self._path / f"{KEYS_FILE}{UNFINISHED}").replace(keys)
        (self._path / f"{name}{UNFINISHED}").replace(self._path / name)
        sync_folder(self._path)

    def _clear_away(self) -> None:
        """Remove the old keys, and what a backup has left that failed or was killed."""
        for path in self._path.glob(f"*{UNFINISHED}"):
            path.unlink()
        keys, old = self._path / KEYS_FILE, self._path / OLD_KEYS
        if old.exists() and keys.exists() and old.samefile(keys):
            old.unlink()
        self._overwrite(old)

    def _overwrite(self, path: Path) -> None:
        """Overwrite and remove a file, if it exists."""
        with suppress(FileNotFoundError):
            overwrite_and_remove(path)
            sync_folder(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._path / ".lock").open("w") as file:
            _lock(file)
            yield


class NewArchives:
    """The two files of a backup that is being written."""

    def __init__(self, folder: Path, name: str, recipients: Sequence[str]) -> None:
        self._folder = folder
        self._keys = ArchiveWriter(folder / f"{KEYS_FILE}{UNFINISHED}", recipients)
        self._rest = ArchiveWriter(folder / f"{name}{UNFINISHED}", recipients)
        self.name = name

    def add(self, piece: BackupPiece) -> None:
        (self._keys if piece.is_key else self._rest).add(piece)

    def spool(self) -> IO[bytes]:
        """Return an empty file, in memory as long as it is small. On the disk, it has no name."""
        return SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder), suffix=UNFINISHED)

    def finish(self, label: Label, seal_key: SealKey) -> None:
        self._keys.finish({**label, "part": "keys"}, seal_key)
        self._rest.finish({**label, "part": "rest"}, seal_key)

    def close(self) -> None:
        self._keys.close()
        self._rest.close()


class StoredArchives:
    """A backup of a folder, together with the newest keys."""

    def __init__(self, folder: Path, name: str, identities: Sequence[str]) -> None:
        self._keys = ArchiveReader(folder / KEYS_FILE, identities)
        self._rest = ArchiveReader(folder / name, identities)
        self.name = name
        self._seal_key: SealKey = b""

    def secret(self) -> str:
        """Return the secret that the instance had made itself, or an empty text."""
        secret = ""
        for piece in self._keys.pieces():
            if piece.name == SECRET:
                secret = b"".join(piece.chunks).decode().strip()
        if "stores" not in self._keys.label:
            raise BackupRefused(f"{KEYS_FILE} holds no keys of a backup; take that of this backup.")
        return secret

    def seal_with(self, key: SealKey) -> None:
        """Set the key with which the backup must be sealed."""
        self._seal_key = key

    @property
    def label(self) -> Mapping[str, str]:
        """What the archive says of itself, once it was read."""
        return self._rest.label

    @property
    def kind(self) -> str:
        if not self._keys.label:
            self.secret()
        return self._keys.label["stores"]

    def pieces(self) -> Iterator[BackupPiece]:
        yield from self._keys.pieces()
        self._check(self._keys, "keys")
        yield from self._rest.pieces()
        self._check(self._rest, "rest")
        if self.name != (true_name := _name(self._rest.label["made_at"])):
            raise BackupRefused(f"{self.name} was renamed: it was {true_name}.")
        if self._rest.label["made_at"] > self._keys.label["made_at"]:
            raise BackupRefused(f"{KEYS_FILE} is older than {self.name}: it cannot open all of it.")

    def _check(self, archive: ArchiveReader, part: str) -> None:
        archive.check_seal(self._seal_key)
        if archive.label["format"] != FORMAT or archive.label["part"] != part:
            raise BackupRefused("This backup was made by a newer program, or files were exchanged.")


def new_key(path: Path) -> str:
    """Write a new private key to a file. Returns the public key. Raises BackupRefused."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"# public key: {public}\n{identity}\n")
    except OSError as error:
        raise BackupRefused(f"{path} cannot be written: {error.strerror}.") from error
    return public


def read_keys(path: Path) -> list[str]:
    """Return the private keys in a file of ``new_key`` or ``age-keygen``. Raises BackupRefused."""
    try:
        lines = [line.strip() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError):
        raise BackupRefused(f"{path} cannot be read.") from None
    keys = [line for line in lines if line and not line.startswith("#")]
    try:
        for key in keys:
            pyrage.x25519.Identity.from_str(key)
    except pyrage.IdentityError:
        keys = []
    if not keys:
        raise BackupRefused(f"{path} holds no private key.")
    return keys


def _name(made_at: str) -> str:
    return f"klarity-{made_at}.age"


def _check(recipients: Sequence[str]) -> None:
    try:
        for each in recipients:
            pyrage.x25519.Recipient.from_str(each)
    except pyrage.RecipientError:
        raise BackupRefused(
            "A public key begins with age1: make one with klarity backup-key."
        ) from None


def _lock(file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BackupRefused("Another backup is being written to this folder.") from None
