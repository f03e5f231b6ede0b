"""Make and keep a secret in the data folder, for an instance whose settings have none."""

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from adapters.disk import sync_folder
from config.settings import SHORTEST_SECRET, SettingsError

log = logging.getLogger(__name__)

BYTES = 32
OTHERS = 0o077


def own_secret(folder: Path) -> str:
    """Return the secret in the data folder, and make one if there is none. Raises SettingsError."""
    path = folder / "secret"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make(path)
        _keep_from_others(path)
        secret = path.read_text().strip()
    except OSError as error:
        raise SettingsError(
            f"The secret {path} cannot be kept: {error.strerror}. Make the folder writable."
        ) from error
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"The secret {path} is damaged: it has fewer than {SHORTEST_SECRET} characters. "
            "Restore it from a backup. Delete it only if there is no data yet: data that was "
            "encrypted with it cannot be read without it."
        )
    return secret


def kept_secret(folder: Path) -> str:
    """Return what the data folder has as its secret, or an empty text."""
    path = folder / "secret"
    return path.read_text(errors="replace").strip() if path.exists() else ""


def _make(path: Path) -> None:
    """Write a new secret atomically. If several processes do so, the first one's is kept."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=".secret-") as file:
        file.write(secrets.token_urlsafe(BYTES))
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)
    sync_folder(path.parent)


def _keep_from_others(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & OTHERS:
        log.warning(
            "the secret could be read by other users of this machine; its mode is corrected"
        )
        path.chmod(mode & ~OTHERS)
