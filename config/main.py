"""Where the ``klarity`` command and the WSGI servers come in."""

import atexit
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any
from uuid import uuid4

import click
from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from adapters.mongo import StoreMisconfigured
from adapters.process_lock import InUse
from application.commands.accounts import handle
from application.commands.executor import Context
from application.discovery import query_services
from application.ports.checkpoints import Checkpoint
from application.ports.unavailable import Unavailable
from application.queries.builds import name_of, open_build
from config.process import Process
from config.settings import Settings, SettingsError, read_settings
from config.signals import when_told_to_stop
from domain.decider import DomainError
from domain.ids import SYSTEM, Role
from domain.members.member import GrantRole
from entrypoints.cli import Entry, build_cli

FAULTS = (SettingsError, InUse, StoreMisconfigured, Unavailable, DomainError, LookupError)
GREETING = """\
Klarity listens on {url}
  the API, to read and try:  {url}/docs
  a first case:              README.md shows it with curl; `make demo` plays a whole community
  data and logs of events:   {data}
Stop it with Ctrl-C; nothing is lost."""


def application() -> Flask:
    """The WSGI application of this process, with its background work, as settings ask for."""
    process = Process(read_settings())
    atexit.register(process.close)
    when_told_to_stop(process.end_streams)
    if process.settings.background:
        process.start()
    return process.app


def serve() -> None:
    """Serve with granian until stopped."""
    settings = read_settings()
    Process(settings).close()
    click.echo(_greeting(settings))
    server = Granian(
        "wsgi:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        log_access=False,
        log_level=LogLevels.error,
        workers_kill_timeout=15,
    )
    server.serve()


def work() -> None:
    """Run what works beside requests, until SIGTERM or SIGINT."""
    process = Process(read_settings())
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    process.start()
    logging.getLogger(__name__).info("working")
    stopped.wait()
    process.close()


class OpenTools:
    """What the operator's commands work with."""

    def __init__(self, process: Process) -> None:
        made: Any = process.container
        self.stores = made.stores()
        self.codec = made.codec()
        self.seals = made.seals()
        self.parked = made.parked()
        self.rebuilder = made.rebuilder()
        self.keeps_read_models = process.settings.read_models != "memory"
        self.webhooks = made.webhooks()
        self.what_if = made.what_if()
        self._accounts = made.accounts()
        self._credentials = made.credentials()
        self._members = made.executors().members
        self._clock = made.clock()
        self._models = made.models()
        self._checkpoints = made.checkpoints()

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
        context = Context(new=True)
        self._accounts.register(member_id, pseudonym, passphrase, (), context, by_operator=True)
        return member_id

    def grant(self, pseudonym: str, role: str) -> None:
        found = self._credentials.find(handle(pseudonym))
        if found is None:
            raise LookupError(f"There is no member called {pseudonym}.")
        command = GrantRole(role=Role(role), by=SYSTEM, at=self._clock())
        self._members.execute(found.member_id, command, Context())


@contextmanager
def open_tools() -> Iterator[OpenTools]:
    """The tools, over the stores that settings name, beside whatever serves."""
    process = Process(read_settings(), alone=False)
    try:
        yield OpenTools(process)
    finally:
        process.close()


def play_demo(url: str, moderator: tuple[str, str] | None) -> None:
    """Play the demonstration, with what it needs loaded only now."""
    from entrypoints.demo.play import play

    play(url, moderator)


def main() -> None:
    """The ``klarity`` command."""
    entry = Entry(
        own_url=own_url,
        serve=serve,
        work=work,
        open_tools=open_tools,
        play_demo=play_demo,
        faults=FAULTS,
    )
    build_cli(entry)()


def own_url() -> str:
    """Where this machine reaches what `klarity serve` serves with the same settings."""
    return _url(read_settings())


def _url(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - nothing is bound here
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _greeting(settings: Settings) -> str:
    url = _url(settings)
    return GREETING.format(url=url, data=settings.data.resolve())
