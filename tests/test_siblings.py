"""Several processes share one address: whichever is asked tells the metrics of all."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from config import siblings
from config.siblings import FOLDER, Siblings, folder_for_workers


@pytest.fixture
def folder() -> Iterator[Path]:
    # The address of a socket has to be short.
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def process(folder: Path, name: str, times: int, opened: ExitStack) -> Siblings:
    """A process that has counted something that often."""
    registry = CollectorRegistry()
    counter = Counter("klarity_things", "Things", ("kind",), registry=registry)
    counter.labels('a "quoted" kind').inc(times)
    Histogram("klarity_step_seconds", "Steps", registry=registry).observe(times)
    found = Siblings(folder, name, lambda: generate_latest(registry))
    opened.callback(found.close)
    return found


def test_each_tells_the_metrics_of_all(folder: Path, opened: ExitStack) -> None:
    both = [process(folder, "1", 3, opened), process(folder, "2", 4, opened)]
    texts = [one.exposition().decode() for one in both]
    for text in texts:
        assert r'klarity_things_total{kind="a \"quoted\" kind",process="1"} 3.0' in text
        assert r'klarity_things_total{kind="a \"quoted\" kind",process="2"} 4.0' in text
        assert 'klarity_step_seconds_bucket{le="5.0",process="2"} 1.0' in text
        assert 'klarity_process_up{process="1"} 1.0' in text
        assert text.count("# TYPE klarity_things_total counter") == 1
    assert sorted(texts[0].splitlines()) == sorted(texts[1].splitlines())


def test_a_process_that_has_stopped_is_left_out(folder: Path, opened: ExitStack) -> None:
    first, second = process(folder, "1", 3, opened), process(folder, "2", 4, ExitStack())
    second.close()
    assert 'process="2"' not in first.exposition().decode()


def test_a_process_that_was_killed_is_left_out(folder: Path, opened: ExitStack) -> None:
    """A killed process leaves its socket behind, which refuses."""
    first = process(folder, "1", 3, opened)
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(folder / "2"))
    assert 'process="2"' not in first.exposition().decode()
    assert not (folder / "2").exists()


def test_a_process_that_hangs_is_down_and_holds_nobody_up(
    folder: Path, opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(siblings, "SECONDS", 0.05)
    first = process(folder, "1", 3, opened)
    hanging = opened.enter_context(socket.socket(socket.AF_UNIX))
    hanging.bind(str(folder / "2"))
    hanging.listen()
    text = first.exposition().decode()
    assert 'klarity_process_up{process="2"} 0.0' in text
    assert 'klarity_process_up{process="1"} 1.0' in text


def test_who_asks_and_does_not_wait_harms_nobody(folder: Path, opened: ExitStack) -> None:
    first, second = process(folder, "1", 3, opened), process(folder, "2", 4, opened)
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as impatient:
            impatient.connect(str(folder / "1"))
    assert 'klarity_process_up{process="1"} 1.0' in second.exposition().decode()
    assert first.exposition()


def test_workers_get_a_folder_of_their_own() -> None:
    with folder_for_workers():
        folder = Path(os.environ[FOLDER])
        assert folder.stat().st_mode & 0o777 == 0o700
    assert FOLDER not in os.environ
    assert not folder.exists()
