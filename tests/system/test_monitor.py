"""The monitor is right while something is broken: real processes, stores and a broker."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Browser

from application.engine.executor import CommandContext
from application.ports.leases import Leases
from config.process import Process
from config.settings import read_settings
from domain.actors import SYSTEM
from domain.ids import MemberId
from domain.members.member import RegisterMember
from tests import servers
from tests.servers import Server, wait_until
from tests.site.conftest import browser
from tests.system.deployment import FaultyKlarity, Klarity, shared_stores

__all__ = ["browser"]
pytestmark = pytest.mark.system

PATIENCE = 300.0
MEMBERS = ("command:members", "query:members")
OPERATIONS = ("command:operations", "query:alerts", "query:interventions")
RELAY = "relay.members"


class Pager(ThreadingHTTPServer):
    """Keeps what it is told, each message once, and how often it was told something again."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Ring)
        self.told: dict[str, Any] = {}
        self.repeated = 0


class Ring(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        pager: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        pager.repeated += self.headers["webhook-id"] in pager.told
        pager.told[self.headers["webhook-id"]] = body
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def listening(pager: Pager) -> Iterator[Pager]:
    thread = Thread(target=pager.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield pager
    finally:
        pager.shutdown()
        thread.join()
        pager.server_close()


@dataclass
class System:
    """A monitor, a worker with the members, one with the operations, and their broker.

    No process runs the other services, to spare the machine. The monitor says so all the time.
    """

    broker: Server
    pager: Pager
    here: Process
    monitor: Klarity
    members: Klarity
    operations: Klarity
    seen: dict[str, Any] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        try:
            reply = requests.get(self.monitor.internal_url + "/monitor/state.json", timeout=10)
            self.seen = reply.json()
        except requests.RequestException:
            self.seen = {"findings": [], "verdict": {"level": "none"}, "subscribers": []}
        return self.seen

    def wait_for(self, true: Callable[[dict[str, Any]], bool]) -> None:
        assert wait_until(lambda: true(self.state()), PATIENCE), self.told()

    def wait_until_members_are_well(self) -> None:
        def well(_: dict[str, Any]) -> bool:
            wrong = {trouble for trouble, subject, _ in self.findings() if "members" in subject}
            others = {trouble for trouble, *_ in self.findings()} & {"lost", "bus"}
            relay = self.subscriber(RELAY)
            return not wrong and not others and bool(relay["leader"]) and relay["behind"] == 0

        self.wait_for(well)

    def wait_for_finding(self, trouble: str, subject: str, severity: str) -> None:
        self.wait_for(lambda _: (trouble, subject, severity) in self.findings())

    def findings(self) -> set[tuple[str, str, str]]:
        return {(one["trouble"], one["subject"], one["severity"]) for one in self.seen["findings"]}

    def subscriber(self, name: str) -> Any:
        nothing = {"leader": None, "behind": None}
        return next((one for one in self.seen["subscribers"] if one["name"] == name), nothing)

    def told(self) -> str:
        return f"{self.seen.get('verdict')} {self.seen.get('findings')} {self.monitor.log()}"

    def register(self, pseudonym: str = "Anna") -> None:
        """Append an event to the log of the members."""
        member_id = MemberId(uuid4().hex)
        command = RegisterMember(
            member_id=member_id, pseudonym=pseudonym, by=SYSTEM, at=datetime.now(UTC)
        )
        members = self.here.use_cases.executors.members
        members.execute(member_id, command, CommandContext(new=True))

    def leases(self) -> Leases:
        leases: Leases = self.here.container.leases()
        return leases

    def process_of(self, worker: Klarity) -> str:
        """The id of the worker's process that announces itself."""
        found = [one["id"] for one in self.seen["processes"] if f"-{worker.pid}-" in one["id"]]
        return str(found[0])


@pytest.fixture(scope="module")
def system(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("monitor")
    with ExitStack() as stack:
        pager = stack.enter_context(listening(Pager()))
        broker = stack.enter_context(servers.BROKERS["rabbitmq"]())
        settings = shared_stores(
            mongo_url,
            BUS_URL=broker.url,
            WEBHOOKS_INSECURE="true",
            ALERT_WEBHOOK=f"http://127.0.0.1:{pager.server_port}/alerts",
        )
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {**settings, "DATA": str(folder / "here")}.items():
            patch.setenv(f"KLARITY_{name}", value)
        here = Process(read_settings())
        stack.callback(here.close)

        def worker(name: str, *chosen: str, kind: type[Klarity] = Klarity) -> Klarity:
            klarity = kind(folder / name, "work", SERVICES=",".join(chosen), **settings)
            stack.callback(klarity.close)
            return klarity.start()

        system = System(
            broker,
            pager,
            here,
            monitor=worker("monitor", "monitor"),
            members=worker("members", *MEMBERS, kind=FaultyKlarity),
            operations=worker("operations", *OPERATIONS),
        )
        system.wait_until_members_are_well()
        yield system


def test_a_killed_worker_is_lost_and_its_lag_is_told_until_it_is_back(system: System) -> None:
    process = system.process_of(system.members)
    system.members.kill()
    system.wait_for_finding("lost", process, "critical")
    system.register()
    system.wait_for(lambda _: bool(system.subscriber(RELAY)["behind"]))
    system.wait_for_finding("behind", RELAY, "critical")
    system.wait_for_finding("stopped", RELAY, "critical")
    relay = system.subscriber(RELAY)
    assert (relay["behind"], relay["leader"]) == (1, None)
    assert relay["oldest_seconds"] >= 30
    system.members.start()
    system.wait_until_members_are_well()
    assert system.subscriber(RELAY)["behind"] == 0


def test_alerts_are_sent_once_even_if_the_worker_that_sends_them_is_killed(system: System) -> None:
    process = system.process_of(system.members)
    system.members.kill()
    system.wait_for_finding("lost", process, "critical")
    system.operations.kill()
    system.operations.start()
    system.members.start()
    system.wait_until_members_are_well()
    lost = f"lost:{process}"

    def of_process() -> list[str]:
        return [one["type"] for one in system.pager.told.values() if one["data"]["alert"] == lost]

    assert wait_until(lambda: "alert.resolved" in of_process(), PATIENCE), system.pager.told
    assert of_process() == ["alert.raised", "alert.resolved"]


def test_a_paused_worker_is_lost_and_comes_back(system: System) -> None:
    process = system.process_of(system.members)
    os.kill(system.members.pid, signal.SIGSTOP)
    try:
        system.wait_for_finding("lost", process, "critical")
    finally:
        os.kill(system.members.pid, signal.SIGCONT)
    system.wait_until_members_are_well()
    assert system.process_of(system.members) == process


def test_while_the_bus_is_away_no_process_is_lost_and_no_lag_is_made_up(system: System) -> None:
    system.broker.stop()
    try:
        system.wait_for_finding("bus", "monitor", "warning")
        system.register()
        system.wait_for_finding("behind", RELAY, "warning")
        assert system.subscriber("query.members")["behind"] == 0
        assert not {finding for finding in system.findings() if finding[0] == "lost"}
    finally:
        system.broker.start()
    system.wait_until_members_are_well()


def test_a_lease_that_is_taken_again_and_again_is_flapping(system: System) -> None:
    name = "seal.members"
    for _ in range(5):
        before = system.leases().list()[name].number
        system.leases().release(name, str(system.leases().holder(name)))
        assert system.leases().acquire(name, "a thief", 0.01)
        assert wait_until(lambda it=before: system.leases().list()[name].number > it + 1, PATIENCE)  # type: ignore[misc]
        system.wait_for(lambda _: True)
    system.wait_for_finding("flapping", name, "warning")


def test_an_event_that_cannot_be_handled_is_found_and_dropped_in_a_browser(
    system: System, browser: Browser
) -> None:
    system.register("Eve")
    system.wait_for_finding("parked", "query.members", "warning")
    page = browser.new_page(base_url=system.monitor.internal_url, java_script_enabled=False)
    page.goto("/monitor/parked")
    page.get_by_role("link", name="members").click()
    page.get_by_label("Your name").fill("Olga")
    page.get_by_label("Reason").fill("Eve was a test.")
    page.get_by_label("The subscriber shall never handle this").check()
    page.get_by_role("button", name="Drop").click()
    system.wait_for(lambda _: "parked" not in {trouble for trouble, *_ in system.findings()})
    assert system.subscriber("query.members")["behind"] == 0

    def is_listed() -> bool:
        page.goto("/monitor/interventions")
        return page.get_by_role("row", name="Eve was a test.").count() == 1

    assert wait_until(is_listed, PATIENCE)
    page.close()
