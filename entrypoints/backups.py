"""The commands that back up and restore."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import click

from application.ports.backup import BackupPiece
from application.use_cases.repeat_erasures import Repeated

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Added = Callable[[BackupPiece], None]
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedBackup:
    """The backup to restore, and how: ``key`` is the file of the private key.

    Without a name, it is the newest. ``fingerprint`` is that of the instance, or empty.
    """

    folder: Path
    key: Path
    name: str
    fingerprint: str
    replace: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups(Generic[T_co]):
    """The functions of the system that the commands call.

    ``back_up`` takes the folder, the public keys and what to call after each piece. It returns the
    name of the backup and the fingerprint of the instance. ``restore`` yields the restored tools,
    and how many erasures were repeated.
    """

    back_up: Callable[[Path, Sequence[str], Added], tuple[str, str]]
    restore: Callable[[WantedBackup, Added], AbstractContextManager[tuple[T_co, Repeated]]]
    new_key: Callable[[Path], str]


def add_backups(
    klarity: click.Group,
    backups: Backups[T],
    plain_faults: Callable[[], AbstractContextManager[None]],
    verify: Callable[[T], bool],
) -> None:
    @klarity.command("backup-key")
    @click.argument("file", type=FILE)
    def backup_key(file: Path) -> None:
        """Write a new private key to FILE, and print the public key for `klarity backup --to`.

        Keep FILE away from the server, in two places: without it, no backup can be read. It is in
        the format of age-keygen.
        """
        with plain_faults():
            click.echo(backups.new_key(file))

    @klarity.command()
    @click.argument("folder", type=FOLDER)
    @click.option(
        *("--to", "recipients"),
        multiple=True,
        required=True,
        metavar="PUBLIC_KEY",
        help="Who can read the backup: a key of `klarity backup-key`. Repeat it for more.",
    )
    def backup(folder: Path, recipients: Sequence[str]) -> None:
        """Write an encrypted backup into FOLDER, also while Klarity runs.

        It contains everything that was acknowledged before. keys.age is replaced each time: copy it
        elsewhere without keeping older ones, because those bring back who was erased since.
        """
        with plain_faults(), _counted("Backing up") as count:
            name, fingerprint = backups.back_up(folder, recipients, count)
        click.echo(
            f"{folder / name} was written, and {folder / 'keys.age'} replaced.\n"
            "Keep this command beside the private key. It restores the newest backup, and its "
            "fingerprint stays the same:\n"
            f"klarity restore {folder} --key FILE --fingerprint {fingerprint}"
        )

    @klarity.command()
    @click.argument("folder", type=FOLDER)
    @click.option("--key", required=True, type=FILE, help="The file of the private key.")
    @click.option("--backup", "name", default="", help="An archive in FOLDER; the newest if none.")
    @click.option(
        "--fingerprint",
        default="",
        help="What `klarity backup` printed. Needed if neither KLARITY_SECRET nor the secret of "
        "the instance is here.",
    )
    @click.option("--replace", is_flag=True, help="Delete the instance that is here.")
    def restore(**wanted: Any) -> None:
        """Restore a backup from FOLDER where the settings say, and verify it.

        Stop all processes first. The whole backup is checked before anything is changed. Erasures
        that happened after an older backup are repeated. Read models are made again at the next
        start.
        """
        with (
            plain_faults(),
            _counted("Restoring") as count,
            backups.restore(WantedBackup(**wanted), count) as (tools, repeated),
        ):
            good = verify(tools)
        click.echo(
            f"Erased again, because it happened after this backup: {repeated.members} members, "
            f"{repeated.aliases} aliases, {repeated.evidence} pieces of evidence."
        )
        if not good:
            raise SystemExit(1)
        click.echo("The backup is restored. Start Klarity.")


@contextmanager
def _counted(what: str) -> Iterator[Added]:
    """Yield a function that counts pieces, and print how many bytes they had."""
    pieces = size = 0

    def count(piece: BackupPiece) -> None:
        nonlocal pieces, size
        pieces, size = pieces + 1, size + piece.size

    yield count
    click.echo(f"{what}: {pieces} pieces of {size / 1_000_000:.1f} MB in all.")
