"""How ``klarity serve`` starts, and what remains when it is killed."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from config.process import Process
from config.settings import read_settings
from tests.servers import free_port, listens, states_of, wait_until
from tests.system.deployment import (
    KLARITY,
    STOPS_WITHIN,
    Klarity,
    environment,
    relaxed,
    shared_stores,
)
from tests.system.phone import Phone

pytestmark = pytest.mark.system

GREETING = "The site: "


@pytest.fixture
def klarity(tmp_path: Path) -> Iterator[Klarity]:
    klarity = Klarity(tmp_path / "klarity", **relaxed())
    try:
        yield klarity
    finally:
        klarity.close()


def refused(folder: Path, **settings: str) -> str:
    """What ``klarity serve`` says before it ends by itself."""
    found = subprocess.run(
        [KLARITY, "serve"],
        env=environment({"DATA": str(folder), **settings}),
        capture_output=True,
        text=True,
        timeout=STOPS_WITHIN,
        check=False,
    )
    assert found.returncode != 0
    assert GREETING not in found.stdout
    return found.stderr


def test_building_a_process_opens_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_DATA", str(tmp_path))
    Process(read_settings()).close()
    assert {file.name for file in tmp_path.iterdir()} == {"lock", "secret"}


def test_the_greeting_is_logged_once_the_server_answers(klarity: Klarity) -> None:
    klarity.start()
    assert wait_until(lambda: GREETING in klarity.log(), STOPS_WITHIN)
    assert klarity.url in klarity.log()


def test_starting_on_a_port_in_use_is_refused(klarity: Klarity, tmp_path: Path) -> None:
    klarity.start()
    told = refused(tmp_path / "other", PORT=str(klarity.port))
    assert f"127.0.0.1:{klarity.port}" in told
    assert "KLARITY_PORT" in told
    assert "Traceback" not in told
    with Phone(klarity.url) as phone:
        phone.join()


def test_starting_on_an_internal_port_in_use_is_refused(klarity: Klarity, tmp_path: Path) -> None:
    klarity.start()
    told = refused(
        tmp_path / "other", PORT=str(free_port()), INTERNAL_PORT=str(klarity.internal_port)
    )
    assert f"127.0.0.1:{klarity.internal_port}" in told
    assert "KLARITY_INTERNAL_PORT" in told


def test_internal_paths_are_not_served_at_the_public_address(klarity: Klarity) -> None:
    klarity.start()
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert requests.get(klarity.internal_url + path, timeout=60).status_code == 200
        assert requests.get(klarity.url + path, timeout=60).status_code == 404
    assert requests.get(f"{klarity.internal_url}/v1/cases", timeout=60).status_code == 404


def test_a_worker_serves_its_metrics_at_the_port_of_its_settings(tmp_path: Path) -> None:
    worker = Klarity(tmp_path / "worker", "work", **relaxed())
    try:
        worker.start()
        assert wait_until(lambda: listens(worker.internal_port), STOPS_WITHIN)
        metrics = requests.get(f"{worker.internal_url}/metrics", timeout=60).text
        assert "klarity_events_behind" in metrics
        assert worker.stop() == 0
    finally:
        worker.close()


def test_starting_on_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    told = refused(tmp_path, HOST="192.0.2.1", PORT=str(free_port()))
    assert "192.0.2.1" in told
    assert "Traceback" not in told


def test_starting_without_a_store_ends_with_the_reason_instead_of_a_greeting(
    tmp_path: Path,
) -> None:
    away = f"mongodb://127.0.0.1:{free_port()}/?replicaSet=rs0&serverSelectionTimeoutMS=500"
    told = refused(tmp_path, PORT=str(free_port()), **shared_stores(away, BUS="redis"))
    assert "Traceback" not in told


def test_a_worker_that_cannot_start_ends_the_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "klarity.db").write_text("no database at all, but long enough to be taken for one" * 99)
    assert "database" in refused(data, PORT=str(free_port()))


def test_starting_with_a_lost_file_of_epochs_is_refused_and_does_not_create_it(
    klarity: Klarity, tmp_path: Path
) -> None:
    data = tmp_path / "klarity" / "data"
    klarity.start()
    klarity.stop()
    (data / "epochs").unlink()
    assert f"{data / 'epochs'} cannot be used" in refused(data, PORT=str(free_port()))
    assert not (data / "epochs").exists()


def test_workers_share_the_port(tmp_path: Path, mongo_url: str, rabbitmq_url: str) -> None:
    settings = shared_stores(mongo_url, BUS_URL=rabbitmq_url, WORKERS="2")
    klarity = Klarity(tmp_path, **settings)
    try:
        klarity.start()
        assert {requests.get(f"{klarity.url}/v1/cases", timeout=60).ok for _ in range(20)} == {True}
    finally:
        klarity.close()


def test_a_worker_that_crashed_is_started_again(klarity: Klarity) -> None:
    klarity.start()
    with Phone(klarity.url) as phone:
        case_id = phone.join().report().json()["case_id"]
        (worker,) = workers_of(klarity)
        os.kill(worker, signal.SIGSEGV)
        assert wait_until(lambda: workers_of(klarity) not in ([], [worker]), STOPS_WITHIN)
        assert phone.case_when(case_id)["case_id"] == case_id
    klarity.stop()


def workers_of(klarity: Klarity) -> list[int]:
    children = Path(f"/proc/{klarity.pid}/task/{klarity.pid}/children")
    return [int(each) for each in children.read_text().split()]


def test_workers_end_with_the_process_that_started_them(klarity: Klarity) -> None:
    klarity.start()
    with Phone(klarity.url) as phone:
        case_id = phone.join().report().json()["case_id"]
        assert klarity.process is not None
        os.kill(klarity.process.pid, signal.SIGKILL)
        klarity.process.wait(STOPS_WITHIN)
        group = klarity.process.pid
        assert wait_until(lambda: states_of(group) <= {"Z"}, STOPS_WITHIN)
        klarity.start()
        assert phone.case_when(case_id)["case_id"] == case_id
