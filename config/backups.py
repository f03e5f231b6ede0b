"""Back up and restore the instance of the settings."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from adapters.backup.folder import BackupFolder, StoredArchives, read_keys
from application.engine.backup import BackUp, Restore
from application.ports.backup import BackupRefused, InstanceStores
from config.container import Container
from config.own_secret import kept_secret
from config.process import Process, RestoreUnfinished
from config.secrets import keys_of
from config.settings import Settings, read_settings
from entrypoints.backups import Added, WantedBackup


def back_up(path: Path, recipients: Sequence[str], added: Added) -> tuple[str, str]:
    """Write a backup into the folder, while the instance may run.

    Returns its name, and the fingerprint of the instance, which is the same for all its backups.
    ``added`` is called after each piece. Raises BackupRefused.
    """
    settings = read_settings()
    with _opened(settings) as container:
        stores = _stores(container)
        _must_be_whole(stores)
        label = {
            "stores": stores.kind,
            "bus_prefix": settings.bus_prefix,
            "program": version("klarity"),
        }
        folder, key = BackupFolder(path), container.keys().backups
        with folder.new(recipients, label, key, datetime.now(UTC)) as backup:
            BackUp(stores, container.stored_media())(backup, added)
    return backup.name, _fingerprint_of(key)


@contextmanager
def restored(wanted: WantedBackup, added: Added) -> Iterator[tuple[Process, set[str]]]:
    """Restore a backup. Yields a process with the restored stores, and the subjects whose key was
    destroyed since. No other process can start until the block has ended.

    Raises BackupRefused before anything is changed, unless the backup changes meanwhile.
    """
    settings = read_settings()
    backup = BackupFolder(wanted.folder).open(read_keys(wanted.key), wanted.name)
    backup.seal_with(_trusted_key(settings, backup, wanted.fingerprint))
    destroyed = _restore(settings, backup, added, replace=wanted.replace)
    process = Process(settings, restoring=True)
    try:
        yield process, destroyed
        process.container.instance_stores().end()
    finally:
        process.close()


def _restore(
    settings: Settings, backup: StoredArchives, added: Added, *, replace: bool
) -> set[str]:
    with _opened(settings) as container:
        if settings.single_process:
            container.process_lock()
        stores = _stores(container)
        restore = Restore(stores, container.stored_media())
        restore.check(backup, replace=replace)
        _must_have_another_prefix(settings, backup)
        restore(backup, added)
        return stores.destroyed_since()


def _trusted_key(settings: Settings, backup: StoredArchives, fingerprint: str) -> bytes:
    """Return the key with which the backup must be sealed.

    Everybody who can write to the folder can put a secret of their own into a backup. So a secret
    of the backup is trusted only if the operator knows its fingerprint, or if it is here already.
    """
    if settings.secret:
        return keys_of(settings.secret).backups
    secret = backup.secret()
    if not secret:
        raise BackupRefused("The backup holds no secret: set KLARITY_SECRET to that of the backup.")
    found = _fingerprint(secret)
    if found != (fingerprint or _fingerprint(kept_secret(settings.data))):
        raise BackupRefused(
            f"The fingerprint of {backup.name} is {found}, but anybody could have written that "
            "backup. Compare it with what `klarity backup` printed. If both are the same, add "
            f"--fingerprint {found}; if the instance had a KLARITY_SECRET, set that."
        )
    return keys_of(secret).backups


def _fingerprint(secret: str) -> str:
    return _fingerprint_of(keys_of(secret).backups)


def _fingerprint_of(seal_key: bytes) -> str:
    """Return what tells the key of an instance from others, and does not tell the key."""
    return blake2b(seal_key, digest_size=16).hexdigest()


@contextmanager
def _opened(settings: Settings) -> Iterator[Container]:
    container = Container(settings=settings)
    try:
        yield container
    finally:
        container.shutdown_resources()


def _stores(container: Container) -> InstanceStores:
    if container.settings().event_store == "memory":
        raise BackupRefused("The event store memory loses everything at stop: there is no backup.")
    return container.instance_stores()


def _must_be_whole(stores: InstanceStores) -> None:
    if stores.is_restoring():
        raise RestoreUnfinished
    if not stores.occupied():
        raise BackupRefused("There is no instance here to back up: look at KLARITY_DATA.")


def _must_have_another_prefix(settings: Settings, backup: StoredArchives) -> None:
    """Refuse the old names on a server: events that the backup does not hold may be there, under
    positions that other events get now."""
    on_server = settings.has_broker or settings.has_search_server
    if on_server and settings.bus_prefix == backup.label["bus_prefix"]:
        raise BackupRefused(
            "The broker or the search index may hold events that came after this backup: set "
            f"KLARITY_BUS_PREFIX to a name that was never used, and not to {settings.bus_prefix}."
        )
