"""An old program and a new one side by side, on the same MongoDB."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest
import requests
from pymongo import MongoClient

from tests.exposition import values
from tests.servers import Redis
from tests.system.deployment import Klarity, NewerKlarity, shared_stores
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

OUTDATED = (503, "/problems/outdated")


class Busy:
    """Does something with a case all the time."""

    def __init__(self, phone: Phone, case_id: str) -> None:
        self._over = Event()
        self._url = f"{phone.url}/v1/cases/{case_id}"
        self._headers = {"Authorization": f"Bearer {phone.access_token}"}
        self._thread = Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(0.03):
            self.act()

    def act(self) -> None:
        raise NotImplementedError


class Reader(Busy):
    """Asks for a case all the time, and notes what it gets."""

    def __init__(self, phone: Phone, case_id: str) -> None:
        super().__init__(phone, case_id)
        self.replies: list[tuple[int, int]] = []

    def act(self) -> None:
        reply = requests.get(self._url, headers=self._headers, timeout=60)
        version = reply.json()["version"] if reply.ok else 0
        self.replies.append((reply.status_code, version))

    def assert_served(self) -> None:
        """Nothing but answers that are true, of versions that never go back."""
        assert {status for status, _ in self.replies} <= {200, 503}
        versions = [version for status, version in self.replies if status == 200]
        assert versions == sorted(versions)
        assert versions


class Writer(Busy):
    """Changes the case all the time."""

    changes = 0

    def act(self) -> None:
        title = {"title": f"Change {self.changes}"}
        reply = requests.patch(self._url, json=title, headers=self._headers, timeout=60)
        self.changes += reply.ok


class Deployment:
    """Two processes with all services, of which one is newer."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.old = Klarity(folder / "old", **settings)
        self.new = NewerKlarity(folder / "new", **settings)
        client: MongoClient[dict[str, Any]] = MongoClient(settings["MONGO_URL"])
        self._database = client[settings["MONGO_DATABASE"]]

    def builds(self, name: str) -> list[int]:
        found = self._database["read_models"].find({"name": name}).sort("version")
        return [build["version"] for build in found]

    def live(self, name: str) -> int:
        found = self._database["live_read_models"].find_one({"_id": name}) or {}
        return int(found.get("version", 0))

    def parked(self) -> int:
        return self._database["parked_events"].count_documents({})

    def close(self) -> None:
        self.old.close()
        self.new.close()
        self._database.client.close()


@pytest.fixture
def deployment(mongo_url: str, tmp_path: Path) -> Iterator[Deployment]:
    with Redis() as broker:
        settings = shared_stores(mongo_url, SERVICES="members,cases", BUS_URL=broker.url)
        deployment = Deployment(tmp_path, settings)
        yield deployment
        deployment.close()


def tag(url: str, phone: Phone, case_id: str, name: str) -> tuple[int, str]:
    """The status, and the problem if there is one."""
    reply = requests.post(
        f"{url}/v1/cases/{case_id}/tags/{name}",
        headers={"Authorization": f"Bearer {phone.access_token}"},
        timeout=60,
    )
    return reply.status_code, "" if reply.ok else reply.json()["type"]


def shown(url: str, phone: Phone, case_id: str, *expected: str) -> None:
    """The case is soon shown with these tags."""
    eventually(lambda: tags(url, phone, case_id) == list(expected) or None)


def tags(url: str, phone: Phone, case_id: str) -> list[str] | None:
    headers = {"Authorization": f"Bearer {phone.access_token}"}
    reply = requests.get(f"{url}/v1/cases/{case_id}", headers=headers, timeout=60)
    return list(reply.json()["tags"]) if reply.ok else None


def waiting(klarity: Klarity) -> dict[str, Any]:
    """Who waits for a newer program there."""
    return dict(
        requests.get(f"{klarity.internal_url}/health/ready", timeout=60).json()[
            "needs_newer_program"
        ]
    )


def test_an_old_program_and_a_new_one_work_side_by_side(
    deployment: Deployment,
) -> None:
    old, new = deployment.old.start(), deployment.new
    with Phone(old.url).join() as anna:
        case_id, other = (anna.report(title=f"Case {n}").json()["case_id"] for n in range(2))
        assert tag(old.url, anna, case_id, "one") == (204, "")
        shown(old.url, anna, case_id, "one")

        with Reader(anna, case_id) as reader:
            # The new one comes beside the old one, and leads.
            new.start()
            eventually(lambda: deployment.live("cases") == 2 or None)
            assert tag(new.url, anna, case_id, "two") == (204, "")
            assert tag(old.url, anna, case_id, "three") == OUTDATED
            assert tag(old.url, anna, other, "three") == (204, "")
            for url in (old.url, new.url):
                shown(url, anna, case_id, "one", "two")
                shown(url, anna, other, "three")
            eventually(lambda: "query.cases" in waiting(old) or None)
            assert deployment.builds("cases") == [1, 2]
        reader.assert_served()

        # The old one goes.
        old.stop()
        anna.url = new.url
        assert tag(new.url, anna, case_id, "four") == (204, "")
        shown(new.url, anna, case_id, "one", "two", "four")
        eventually(lambda: deployment.builds("cases") == [2] or None)

        # The old one is started once more: it does not build again what the new one replaced.
        with Reader(anna, case_id) as reader:
            old.start()
            eventually(lambda: leads(old, "query.cases") or None)
            assert tag(new.url, anna, case_id, "five") == (204, "")
            for url in (old.url, new.url):
                shown(url, anna, case_id, "one", "two", "four", "five")
            assert (deployment.live("cases"), deployment.builds("cases")) == (2, [2])
        reader.assert_served()
        assert waiting(new) == {}
        assert deployment.parked() == 0


def test_answers_never_go_back_while_read_models_are_rebuilt_and_rolled_back(
    deployment: Deployment,
) -> None:
    klarity = deployment.old.start()
    with Phone(klarity.url).join() as anna:
        case_id = str(anna.report(title="A hot case").json()["case_id"])
        shown(klarity.url, anna, case_id)
        with Reader(anna, case_id) as reader, Writer(anna, case_id) as writer:
            for build in (2, 3):
                klarity.run("rebuild", "cases")
                assert deployment.live("cases") == build
            eventually(lambda: deployment.builds("cases") == [2, 3] or None)
            for build in (2, 3):
                klarity.run("rollback", "cases")
                assert deployment.live("cases") == build
            klarity.run("parity", "cases")
        reader.assert_served()
        assert writer.changes


def leads(klarity: Klarity, name: str) -> bool:
    metrics = requests.get(f"{klarity.internal_url}/metrics", timeout=60).text
    return values(metrics, "klarity_leading", kind="query", name=name) == [1.0]
