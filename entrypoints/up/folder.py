"""What ``klarity up`` keeps in its folder: the lock, keys and ports."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import IO, Self

from entrypoints.up.programs import free_port, listens

OWNER_ONLY = 0o600
KEY_BYTES = 32


class FolderInUse(Exception):
    """Another ``klarity up`` runs in the folder."""


class Folder:
    """A folder for one instance, which nobody else on the machine can read.

    It is locked until it is closed, or this process has ended, by this one and by all that
    inherited ``lock``. Raises FolderInUse.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        self.lock: IO[str] = (self.path / "lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.close()
            raise FolderInUse(f"Another `klarity up` runs in {self.path}.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lock.close()

    def key(self, name: str) -> Path:
        """Return a file with a random key, made when it is first asked for."""
        path = self.path / f"{name}.key"
        if not path.exists():
            self.write(path, secrets.token_hex(KEY_BYTES))
        return path

    def ports(self, names: list[str], taken: int) -> dict[str, int]:
        """Return a free port for each name but ``taken``: that of the last start, if it is free."""
        path = self.path / "ports.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        found: dict[str, int] = {name: kept[name] for name in names if name in kept}
        found = {name: at for name, at in found.items() if at != taken and not listens(at)}
        for name in names:
            if name not in found:
                found[name] = free_port(frozenset({taken, *kept.values(), *found.values()}))
        self.write(path, json.dumps(kept | found))
        return found

    def write(self, path: Path, text: str) -> None:
        """Write the file at once or not at all. Only its owner can read it."""
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
