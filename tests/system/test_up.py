"""`klarity up` with real servers and services, killed and started again."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from entrypoints.up.folder import Folder, FolderInUse
from tests.servers import free_port, listens, wait_until
from tests.system.deployment import KLARITY, STARTS_WITHIN, environment, relaxed
from tests.system.phone import Phone, is_public

pytestmark = pytest.mark.system

PROCESSES = 2


class Up:
    """One ``klarity up``, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        settings = environment({**relaxed()})
        options = ["--folder", str(self.folder), "--port", str(self.port)]
        self.log.write_bytes(b"")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [KLARITY, "up", *options, "--processes", str(PROCESSES)],
                env=settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self.wait_until_said("data and logs")

    def wait_until_said(self, words: str) -> None:
        assert wait_until(lambda: words in self.said(), STARTS_WITHIN), self.said()

    def said(self) -> str:
        """All that it said since it was started."""
        return self.log.read_text()

    def monitor(self) -> str:
        """The address of the monitor, as it said."""
        found = re.search(r"^monitor: +(\S+)$", self.said(), re.MULTILINE)
        assert found
        return found[1]

    def stop(self) -> str:
        """Stop it as Ctrl-C does, and return what it said."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(STARTS_WITHIN)
        return self.said()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STARTS_WITHIN)

    def ports(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        return found

    def is_down(self) -> bool:
        """Whether nothing of it runs any more."""
        try:
            Folder(self.folder).lock.close()
        except FolderInUse:
            return False
        return not any(map(listens, self.ports().values()))


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path / "up")
    up.start()
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()
        assert wait_until(up.is_down, STARTS_WITHIN)


def test_it_survives_kills_and_keeps_all(up: Up, tmp_path: Path, photo: Path) -> None:
    """One story, because a start of everything takes a while."""
    with Phone(up.url) as anna:
        anna.join()
        evidence = anna.upload(photo)
        case_id = anna.report(evidence=[evidence]).json()["case_id"]
        anna.case_when(case_id, is_public)

    # Whoever is on this machine sees the monitor without signing in.
    seen = requests.get(up.monitor(), allow_redirects=False, timeout=60)
    assert (seen.status_code, "Klarity monitor" in seen.text) == (200, True)

    # A killed service starts again.
    port = up.ports()["services-1"]
    os.kill(started_by(up, port), signal.SIGKILL)
    up.wait_until_said("services-1 is ready again")
    assert requests.get(f"{up.url}/v1/cases/{case_id}", timeout=60).ok

    # A killed `klarity up` takes all with it, and the next one finds everything, at other ports.
    up.kill()
    assert wait_until(up.is_down, STARTS_WITHIN)
    (up.folder / "ports.json").unlink()
    up.start()
    assert requests.get(f"{up.url}/v1/cases/{case_id}", timeout=60).ok

    # Ctrl-C stops it in order.
    assert up.stop().endswith("Everything has stopped.\n")
    assert wait_until(up.is_down, STARTS_WITHIN)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    from tests.media import photo_with_gps

    path = tmp_path / "photo.jpg"
    photo_with_gps(path)
    return path


def started_by(up: Up, port: int) -> int:
    """Return the process that `klarity up` started, of those whose workers listen on the port."""
    found = [each for each in psutil.net_connections("tcp") if each.laddr[1:] == (port,)]
    listening = {each.pid for each in found if each.status == psutil.CONN_LISTEN}
    for child in psutil.Process(up.process.pid).children():
        if listening & {child.pid, *(each.pid for each in child.children(recursive=True))}:
            return child.pid
    raise AssertionError(f"nothing of {up.process.pid} listens on {port}")
