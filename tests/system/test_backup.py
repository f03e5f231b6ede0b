"""A server under load is backed up, and restored elsewhere."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.media import photo_with_gps
from tests.system.deployment import KLARITY, Klarity, environment, relaxed, shared_stores
from tests.system.load import report
from tests.system.phone import Phone, assert_becomes, eventually

pytestmark = pytest.mark.system

WRITERS = 3
PATIENCE = 60.0


@dataclass
class Place:
    """Where an instance is, and the `klarity` commands that are given there."""

    folder: Path
    settings: dict[str, str]

    def run(self, *arguments: object) -> str:
        """Run a command. Returns what it printed."""
        done = self.try_(*arguments)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def try_(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        settings = {"DATA": str(self.folder / "data"), **self.settings}
        command = [KLARITY, *map(str, arguments)]
        return subprocess.run(
            command, env=environment(settings), capture_output=True, text=True, check=False
        )

    @contextmanager
    def served(self) -> Iterator[Klarity]:
        klarity = Klarity(self.folder, **self.settings)
        try:
            yield klarity.start()
        finally:
            klarity.close()


@dataclass
class Load:
    """Members who report cases as long as it lasts."""

    phones: list[Phone]
    evidence: list[str]
    reported: list[str] = field(default_factory=list)
    _over: Event = field(default_factory=Event)
    _threads: list[Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._threads = [Thread(target=self._write, args=(n,)) for n in range(len(self.phones))]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        phone = self.phones[number]
        while not self._over.wait(0.01):
            report(phone, self.evidence[number], self.reported)()


@pytest.fixture(params=["embedded", "mongo"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Place, Place]:
    """An instance, and an empty place for it elsewhere."""

    def settings() -> dict[str, str]:
        if request.param == "embedded":
            return relaxed()
        urls = [request.getfixturevalue(name) for name in ("mongo_url", "rabbitmq_url")]
        return shared_stores(urls[0], BUS_URL=urls[1])

    return Place(tmp_path / "here", settings()), Place(tmp_path / "elsewhere", settings())


def test_what_was_acknowledged_before_a_backup_is_restored_elsewhere(
    places: tuple[Place, Place], tmp_path: Path
) -> None:
    here, elsewhere = places
    backups, key = tmp_path / "backups", tmp_path / "key"
    public_key = here.run("backup-key", key).strip()
    with here.served() as klarity:
        leaving = Phone(klarity.url).join()
        gone = leaving.upload(photo_with_gps(tmp_path / "gone.jpg"))
        anonymous = leaving.report(evidence=[gone], anonymous=True).json()["case_id"]
        assert leaving.evidence_when_decided(gone)["status"] == "available"
        phones = [Phone(klarity.url).join() for _ in range(WRITERS)]
        evidence = [phone.upload(photo_with_gps(tmp_path / "photo.jpg")) for phone in phones]
        for phone, photo in zip(phones, evidence, strict=True):
            assert phone.evidence_when_decided(photo)["status"] == "available"

        with Load(phones, evidence) as load:
            eventually(lambda: len(load.reported) > 20 or None, PATIENCE)
            acknowledged = list(load.reported)
            here.run("backup", backups, "--to", public_key)
            meanwhile = len(load.reported) - len(acknowledged)
        assert meanwhile > 0
        content = phones[0].get(f"/v1/evidence/{evidence[0]}/content").content

        assert leaving.leave().status_code == 202
        assert_becomes(lambda: status(phones[0], f"/v1/evidence/{gone}/content"), 410)
        told = here.run("backup", backups, "--to", public_key)

    fingerprint = told.split()[-1]
    first = sorted(path.name for path in backups.glob("klarity-*"))[0]
    known = ("--key", key, "--fingerprint", fingerprint)
    told = elsewhere.run("restore", backups, *known, "--backup", first)
    assert (
        "Erased again, because it happened after this backup: 1 members, 2 aliases, 1 pieces"
        in told
    )
    with elsewhere.served() as klarity:
        for phone in (*phones, leaving):
            phone.url = klarity.url
        for case_id in acknowledged:
            phones[0].case_when(case_id, lambda case: case["status"] == "published")
        assert phones[0].get(f"/v1/evidence/{evidence[0]}/content").content == content
        phones[1].sign_in()
        assert phones[1].report().status_code == 201
        assert_becomes(lambda: status(phones[0], f"/v1/evidence/{gone}/content"), 410)
        assert_becomes(lambda: status(phones[0], f"/v1/cases/{anonymous}"), 410)
        body = {"pseudonym": leaving.pseudonym, "passphrase": leaving.passphrase}
        assert leaving.session.post(f"{klarity.url}/v1/sessions", json=body).status_code == 401
        elsewhere.run("verify")


def status(phone: Phone, path: str) -> int:
    return phone.get(path).status_code
