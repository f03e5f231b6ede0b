"""The command ``klarity up``."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import click

from entrypoints.address import can_be_listened_on
from entrypoints.options import trusts
from entrypoints.up.folder import Folder, FolderInUse
from entrypoints.up.guardian import Guardian
from entrypoints.up.plan import SEARCHES, CannotStart, Options, Plan, plan
from entrypoints.up.programs import HOST, ServerMissing
from entrypoints.up.supervisor import Managed, StartFailed, Times, run
from entrypoints.up.table import table

READY = """\
Klarity:         {url}
its API:         {url}/docs
monitor:         {monitor}
other commands:  (. {commands}; klarity members add NAME --role admin)
data and logs:   {folder}
"""


def add_up(klarity: click.Group) -> None:
    """Add the command ``up`` to the command line."""

    @klarity.command()
    @click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("data/up"),
        show_default=True,
        help="Where data, keys and logs are kept.",
    )
    @click.option(
        "--host",
        default=HOST,
        show_default=True,
        callback=_checked,
        help="The address of the site.",
    )
    @click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
    @click.option(
        "--processes",
        type=click.IntRange(1),
        help="Share the services out to so many processes; by default each has its own.",
    )
    @click.option("--search", type=click.Choice(SEARCHES), default="folder", show_default=True)
    @trusts
    @click.option(
        "--at-once",
        default=2,
        show_default=True,
        type=click.IntRange(1),
        help="How many start at a time.",
    )
    def up(*, folder: Path, at_once: int, **chosen: Any) -> None:
        """Run every service as a process of its own, with MongoDB, RabbitMQ and nginx.

        It starts them on this machine, waits until all are ready, shows them, and starts again what
        ends by itself. Ctrl-C stops everything; nothing is lost. Enter shows the processes again.
        """
        options = Options(**chosen)
        faults: list[str] = []
        try:
            with Folder(folder) as own:
                _up(own, options, at_once)
        except* (CannotStart, FolderInUse, ServerMissing, StartFailed) as found:
            faults = [str(fault) for fault in _leaves(found)]
        if faults:
            raise click.ClickException("\n".join(faults))


def _checked(_context: click.Context, _host: click.Parameter, host: str) -> str:
    if not can_be_listened_on(host):
        raise click.BadParameter(f"{host!r} must be an address or name of this machine.")
    return host


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)
        else:
            yield fault


def _up(folder: Folder, options: Options, at_once: int) -> None:
    made = plan(folder, options)
    commands = folder.path / "environment"
    folder.write(commands, made.commands)
    with Guardian(folder.lock) as guardian:
        asyncio.run(_keep(made, folder.path, guardian, at_once))
    click.echo("Everything has stopped.")


async def _keep(made: Plan, folder: Path, guardian: Guardian, at_once: int) -> None:
    layers = []
    for programs in made.layers:
        # For each layer: services that wait for a crashed server must not hold up its start.
        starts = asyncio.Semaphore(at_once)
        layers.append([Managed(each, starts, guardian, click.echo, Times()) for each in programs])
    everything = [kept for layer in layers for kept in layer]
    click.echo(f"Starting {len(everything)} programs, {at_once} at a time.")

    async def show() -> None:
        click.echo(await asyncio.to_thread(table, everything))

    async def ready() -> None:
        await show()
        commands = folder / "environment"
        places = {"url": made.url, "monitor": made.monitor, "commands": commands, "folder": folder}
        click.echo(READY.format(**places))
        await _on_enter(show)

    await run(layers, ready)


async def _on_enter(act: Callable[[], Awaitable[None]]) -> None:
    """Call ``act`` whenever somebody presses Enter, until this is cancelled."""
    pressed = asyncio.Event()

    def read() -> None:
        sys.stdin.readline()
        pressed.set()

    if sys.stdin.isatty():
        asyncio.get_running_loop().add_reader(sys.stdin, read)
    while True:
        await pressed.wait()
        pressed.clear()
        await act()
