"""Kills on every bus: no acknowledged command is lost, and no effect is repeated."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests import servers
from tests.media import photo_with_gps
from tests.system.deployment import STARTS_WITHIN, Klarity, relaxed, shared_stores
from tests.system.load import Command, Crowd, report, support
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

REPORTERS = 5
PUBLIC_CASES = 30
SUPPORTERS = 8
REPORTS = 60
COMMANDS = REPORTS + PUBLIC_CASES * SUPPORTERS

People = tuple[list[Phone], list[str], list[Phone]]
"""Reporters, the evidence that each of them has, and supporters."""


class System:
    """A server, two workers of which one stands by, and a broker of their own."""

    def __init__(self, folder: Path, broker: Any, settings: dict[str, str]) -> None:
        self.broker = broker
        self.server = Klarity(folder / "server", **settings, BACKGROUND="false")
        self.workers = [
            Klarity(folder / f"worker-{number}", "work", **settings) for number in range(2)
        ]

    def start(self) -> None:
        for process in (*self.workers, self.server):
            process.start()

    def close(self) -> None:
        for process in (self.server, *self.workers):
            process.close()

    def kill_the_workers(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.start()

    def kill_the_server(self) -> None:
        self.server.kill()
        self.server.start()

    def kill_the_broker(self) -> None:
        self.broker.kill()
        self.broker.start()


# Everything at once on one bus; on the others what the commands are about, to spare the machine.
MAIN_JOB = "members,cases,evidence,popular-cases"


def bus_settings(bus: str, url: str) -> dict[str, str]:
    address = f"pubsub://kills?emulator={url}" if bus == "pubsub" else url
    return {"BUS_URL": address, "SERVICES": "all" if bus == "rabbitmq" else MAIN_JOB}


@pytest.fixture(scope="module", params=servers.BROKERS)
def system(
    request: pytest.FixtureRequest, mongo_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """To start one is work, so that the tests share it; the last kills the broker for good."""
    folder = tmp_path_factory.mktemp("kills")
    with servers.BROKERS[request.param]() as broker:
        settings = shared_stores(mongo_url, **bus_settings(request.param, broker.url))
        system = System(folder, broker, settings)
        try:
            system.start()
            yield system
        finally:
            system.close()


@pytest.fixture(scope="module")
def members(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with people(system.server.url, tmp_path_factory.mktemp("people")) as found:
        yield found


def test_every_acknowledged_command_has_its_effect_exactly_once(
    system: System, members: People
) -> None:
    reporters, evidence, supporters = members
    public = first_cases(system.server.url, reporters, evidence)
    crowd = Crowd(system.server.url)
    crowd.at = {
        COMMANDS // 4: system.kill_the_workers,
        COMMANDS // 2: system.kill_the_server,
        COMMANDS * 3 // 4: system.kill_the_broker,
    }
    reported: list[str] = []
    reports = [
        report(reporters[n % REPORTERS], evidence[n % REPORTERS], reported) for n in range(REPORTS)
    ]
    supports = [support(who, case) for case, who in product(public, supporters)]
    crowd.send(shuffled(*reports, *supports))

    assert crowd.acknowledged == COMMANDS
    expected = dict.fromkeys(reported, 0) | dict.fromkeys(public, SUPPORTERS)
    assert_public_once_with(system.server.url, expected)


def test_read_models_catch_up_after_the_bus_is_gone_for_good(
    system: System, members: People
) -> None:
    reporters, evidence, supporters = members
    for phone in (*reporters, *supporters):
        phone.sign_in()
    before = public_cases(system.server.url)
    system.broker.kill()
    public = first_cases(system.server.url, reporters, evidence)
    Crowd(system.server.url).send([support(supporters[0], case) for case in public])
    assert_public_once_with(system.server.url, before | dict.fromkeys(public, 1))


def test_the_embedded_default_loses_no_acknowledged_command_when_killed(tmp_path: Path) -> None:
    klarity = Klarity(tmp_path / "klarity", **relaxed())
    with ExitStack() as stack:
        stack.callback(klarity.close)
        klarity.start()

        def kill() -> None:
            klarity.kill()
            klarity.start()

        reporters, evidence, supporters = stack.enter_context(people(klarity.url, tmp_path))
        public = first_cases(klarity.url, reporters, evidence)
        crowd = Crowd(klarity.url)
        crowd.at = {50: kill, 100: kill}
        reported: list[str] = []
        reports = [
            report(reporters[n % REPORTERS], evidence[n % REPORTERS], reported)
            for n in range(REPORTS)
        ]
        supports = [support(who, case) for case, who in product(public, supporters[:3])]
        crowd.send(shuffled(*reports, *supports))
        kill()
        expected = dict.fromkeys(reported, 0) | dict.fromkeys(public, 3)
        assert_public_once_with(klarity.url, expected)


def test_a_second_process_on_the_same_data_is_refused_with_a_reason(tmp_path: Path) -> None:
    first = Klarity(tmp_path / "data")
    second = Klarity(tmp_path / "data")
    try:
        first.start()
        second.launch()
        assert second.process is not None
        assert second.process.wait(STARTS_WITHIN) == 1
        assert "Another process is using" in second.log()
    finally:
        first.close()
        second.close()


def test_a_stopped_process_finishes_its_work_and_exits(tmp_path: Path) -> None:
    klarity = Klarity(tmp_path / "klarity", **relaxed()).start()
    with Phone(klarity.url) as phone:
        case = phone.join().report().json()["case_id"]
        assert klarity.stop() == 0
        klarity.start()
        try:
            assert phone.case_when(case)["status"] == "awaiting_evidence"
        finally:
            klarity.close()


@contextmanager
def people(url: str, folder: Path) -> Iterator[People]:
    photo_with_gps(folder / "photo.jpg")
    with ExitStack() as stack:
        phones = [stack.enter_context(Phone(url)).join() for _ in range(REPORTERS + SUPPORTERS)]
        reporters, supporters = phones[:REPORTERS], phones[REPORTERS:]
        evidence = [phone.upload(folder / "photo.jpg") for phone in reporters]
        for phone, item in zip(reporters, evidence, strict=True):
            assert phone.evidence_when_decided(item)["status"] == "available"
        yield reporters, evidence, supporters


def first_cases(url: str, reporters: list[Phone], evidence: list[str]) -> list[str]:
    """Public cases for others to support."""
    cases: list[str] = []
    Crowd(url).send(
        [
            report(reporters[n % REPORTERS], evidence[n % REPORTERS], cases)
            for n in range(PUBLIC_CASES)
        ]
    )
    with Phone(url) as reader:
        for case in cases:
            reader.case_when(case, lambda found: bool(found["status"] == "published"))
    return cases


def shuffled(*commands: Command) -> list[Command]:
    """In an order that is no order, and always the same."""
    return Random(1).sample(commands, len(commands))


def assert_public_once_with(url: str, supports: dict[str, int]) -> None:
    """Soon, and for good, these are all the public cases, with these counts of supports."""
    with Phone(url) as reader:

        def as_expected(path: str) -> bool | None:
            found = everything(reader, path)
            assert len(found) == len({case["case_id"] for case in found})
            return True if {c["case_id"]: c["supports"] for c in found} == supports else None

        eventually(lambda: as_expected("/v1/cases"))
        eventually(lambda: as_expected("/v1/popular-cases"))
        for case in list(supports)[:5]:
            history = reader.get(f"/v1/cases/{case}/history").json()["items"]
            assert [change["what"] for change in history].count("CasePublished") == 1


def public_cases(url: str) -> dict[str, int]:
    """All public cases, with the number of their supports."""
    with Phone(url) as reader:
        return {case["case_id"]: case["supports"] for case in everything(reader, "/v1/cases")}


def everything(reader: Phone, path: str) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    address: str | None = f"{path}?limit=100"
    while address:
        reply = reader.get(address)
        if not reply.ok:
            return found
        found += reply.json()["items"]
        address = reply.links.get("next", {}).get("url")
    return found
