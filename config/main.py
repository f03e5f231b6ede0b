"""The entry points of the ``klarity`` command and of WSGI and ASGI servers."""

import atexit
import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import TYPE_CHECKING
from uuid import uuid4

import click
import requests

from adapters.key_vault.wrapped import WrongMasterKey
from adapters.mongo import StoreMisconfigured
from adapters.process_lock import InUse
from application.engine.builds import name_of, open_build
from application.engine.executor import CommandContext
from application.ports.backup import BackupRefused
from application.ports.checkpoints import Checkpoint
from application.ports.unavailable import Unavailable
from application.system import query_services
from application.use_cases.members.accounts import handle_of
from application.use_cases.repeat_erasures import Repeated
from config.heaps import share_heaps
from config.internal import reserve
from config.process import Process, RestoreUnfinished
from config.server import CannotListen, Server, allow_many_connections, bind, end_with_parent
from config.settings import Settings, SettingsError, read_settings
from config.siblings import folder_for_workers
from config.signals import end_within, when_told_to_stop
from domain.actors import SYSTEM, Role
from domain.decider import DomainError
from domain.members.member import GrantRole
from entrypoints.address import address, reached_at
from entrypoints.asgi.asker import asker_of
from entrypoints.asgi.body import MOST_DRAINED
from entrypoints.asgi.front import Capacity, Front
from entrypoints.backups import Added, Backups, WantedBackup
from entrypoints.cli import Entry, NoSuchMember, build_cli
from entrypoints.http.replies import after_reading
from entrypoints.http.requests import LARGEST_BODY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

INTERNAL_PORT = 9000
MOST_WAITING_THREADS = 4
"""How many streams a WSGI server gets at most: each holds one of its threads."""
FAULTS = (
    SettingsError,
    CannotListen,
    InUse,
    StoreMisconfigured,
    WrongMasterKey,
    Unavailable,
    DomainError,
    NoSuchMember,
    BackupRefused,
    RestoreUnfinished,
)
SECONDS_TO_CLOSE = 60
GREETING = """\
The site:                    {url}
  the API, to read and try:  {url}/docs
  a first case:              README.md shows it with curl; `make demo` plays a whole community
  data and logs of events:   {data}
Stop it with Ctrl-C; nothing is lost."""


def application() -> "WSGIApplication":
    """Return the WSGI application, and start the background work if the settings say so."""
    share_heaps()
    settings = read_settings()
    process = Process(replace(settings, streams=min(settings.streams, MOST_WAITING_THREADS)))
    atexit.register(process.close)
    when_told_to_stop(process.end_streams)
    if process.settings.background:
        process.start()
    process.announce()
    process.listen(process.settings.internal_port or INTERNAL_PORT)
    return after_reading(process.wsgi, MOST_DRAINED)


def front() -> Front:
    """Return the ASGI application of a worker process that ``serve`` starts."""
    end_with_parent()
    share_heaps()
    process = Process(read_settings())
    settings = process.settings
    capacity = Capacity(
        threads=settings.threads,
        uploads=settings.uploads,
        largest_body=LARGEST_BODY,
    )
    asker = partial(asker_of, proxies=settings.proxies)
    return Front(process.wsgi, capacity, asker, partial(_running, process))


@contextmanager
def _running(process: Process) -> Iterator[None]:
    """Run the background work, if the settings say so, while the server runs."""
    when_told_to_stop(process.end_streams)
    try:
        if process.settings.background:
            process.start()
        process.announce()
        process.listen(process.settings.internal_port or INTERNAL_PORT)
        yield
    finally:
        process.close()


def serve() -> None:
    """Serve with granian until stopped."""
    settings = read_settings()
    listener = bind(settings.host, settings.port)
    reserved = reserve(settings.internal_host, settings.internal_port or INTERNAL_PORT)
    Process(settings).close()
    url = _url(replace(settings, port=listener.getsockname()[1]))
    Thread(target=_greet, args=(url, settings), name="greeting", daemon=True).start()
    allow_many_connections()
    with folder_for_workers(), reserved:  # until the workers have ended, which listen on it
        Server("config.main:front", listener, settings).serve()


def work() -> None:
    """Run the background work without clients, until SIGTERM or SIGINT.

    Several may run on one machine, so it listens only on a port that settings name.
    """
    share_heaps()
    settings = read_settings()
    process = Process(settings)
    if settings.internal_port:
        reserve(settings.internal_host, settings.internal_port).close()
    stopped = Event()
    # Python runs signal handlers in the main thread only, which sleeps here. The kernel may deliver
    # the signal to another thread, so the stop is noticed by ``when_told_to_stop``.
    when_told_to_stop(stopped.set)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    process.start()
    process.announce()
    if settings.internal_port:
        process.listen(settings.internal_port)
    logging.getLogger(__name__).info("working")
    stopped.wait()
    end_within(SECONDS_TO_CLOSE)
    process.close()


class OpenTools:
    """The dependencies of the operator's commands."""

    def __init__(self, process: Process) -> None:
        container, use_cases = process.container, process.use_cases
        self.stores = container.stores()
        self.codec = container.codec()
        self.seals = container.seals()
        self.parked = container.parked()
        self.intervene = use_cases.intervene
        self.rebuilder = container.rebuilder()
        self.keeps_read_models = process.settings.read_models != "memory"
        self.webhooks = use_cases.webhooks
        self.alert_secret = use_cases.send_alerts.secret
        self.what_if = use_cases.what_if
        self.standing = use_cases.standing
        self._accounts = use_cases.accounts
        self._credentials = container.credentials()
        self._members = use_cases.executors.members
        self._clock = container.clock()
        self._models = container.models()
        self._checkpoints = container.checkpoints()

    def checkpoints(self) -> dict[str, Checkpoint]:
        builds = {
            name_of(service, build): open_build(service, self._models, build).checkpoint()
            for service in query_services()
            for build in self._models.versions(service.name)
        }
        found: dict[str, Checkpoint] = self._checkpoints.list()
        return found | builds

    def add_member(self, pseudonym: str, passphrase: str) -> str:
        member_id = str(uuid4())
        context = CommandContext(new=True)
        self._accounts.register(member_id, pseudonym, passphrase, (), context, by_operator=True)
        return member_id

    def grant(self, pseudonym: str, role: str) -> None:
        found = self._credentials.find(handle_of(pseudonym))
        if found is None:
            raise NoSuchMember(f"There is no member called {pseudonym}.")
        command = GrantRole(role=Role(role), by=SYSTEM, at=self._clock())
        self._members.execute(found.member_id, command, CommandContext())


@contextmanager
def open_tools() -> Iterator[OpenTools]:
    """Open the stores of the settings, which a serving process may use at the same time."""
    process = Process(read_settings(), alone=False)
    try:
        yield OpenTools(process)
    finally:
        process.close()


def give_up_lost_keys() -> None:
    """Destroy the keys whose epochs are lost, while no other process uses the embedded stores."""
    process = Process(read_settings())
    try:
        process.container.vault_without_lost_keys()
    finally:
        process.close()


def back_up(folder: Path, recipients: Sequence[str], added: Added) -> tuple[str, str]:
    """Write a backup. What encrypts it is imported only then."""
    from config.backups import back_up as run

    return run(folder, recipients, added)


@contextmanager
def restore(wanted: WantedBackup, added: Added) -> Iterator[tuple[OpenTools, Repeated]]:
    """Restore a backup, and repeat the erasures that it does not hold."""
    from config.backups import restored

    with restored(wanted, added) as (process, destroyed):
        yield OpenTools(process), process.use_cases.repeat_erasures(destroyed)


def new_backup_key(path: Path) -> str:
    """Write a new private key for backups. Returns the public key."""
    from adapters.backup.folder import new_key

    return new_key(path)


BACKUPS = Backups(back_up=back_up, restore=restore, new_key=new_backup_key)


def play_demo(url: str, moderator: tuple[str, str] | None) -> None:
    """Play the demonstration. Its modules are imported only when it is played."""
    from entrypoints.demo.play import play

    play(url, moderator)


def main() -> None:
    """Run the ``klarity`` command."""
    command()()


def command() -> click.Group:
    """Return the ``klarity`` command."""
    entry = Entry(
        own_url=own_url,
        serve=serve,
        work=work,
        open_tools=open_tools,
        play_demo=play_demo,
        give_up_lost_keys=give_up_lost_keys,
        backups=BACKUPS,
        faults=FAULTS,
    )
    return build_cli(entry)


def own_url() -> str:
    """Return the URL at which `klarity serve` is reached from this machine."""
    return _url(read_settings())


def _url(settings: Settings) -> str:
    return f"http://{address(reached_at(settings.host), settings.port)}"


def _greet(url: str, settings: Settings) -> None:
    """Print the greeting as soon as the server answers."""
    while not _answers(url):
        sleep(0.05)
    click.echo(GREETING.format(url=url, data=settings.data.resolve()))


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/v1/instance", timeout=5).ok
    except requests.RequestException:
        return False
