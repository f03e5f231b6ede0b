"""The secret of an instance that was given none: made once, kept beside its data."""

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from config.settings import SHORTEST_SECRET, SettingsError

log = logging.getLogger(__name__)

BYTES = 32
OTHERS = 0o077


def own_secret(folder: Path) -> str:
    """The secret in the data folder, made if there is none. Raises SettingsError."""
    path = folder / "secret"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        _keep_from_others(path)
        secret = path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"The secret {path} cannot be kept: {error.strerror}.") from error
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"The secret {path} is damaged: it has fewer than {SHORTEST_SECRET} characters. "
            "Restore it from a backup; delete it only if there are no data yet, for what was "
            "encrypted with it cannot be read without it."
        )
    return secret


def _make(path: Path) -> None:
    """Write a secret that is there as a whole or not at all; of several processes one wins."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=".secret-") as file:
        file.write(secrets.token_urlsafe(BYTES))
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_from_others(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & OTHERS:
        log.warning("the secret could be read by other users of this machine; not any more")
        path.chmod(mode & ~OTHERS)
