"""A process that is told to stop ends soon, whichever thread gets the signal."""

import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from adapters.leases.memory import MemoryLeases
from application.engine import runtime as runtimes
from application.engine.loop import Loop
from tests.system.deployment import STOPS_WITHIN, environment

pytestmark = pytest.mark.system

WORK_AND_TELL_ANOTHER_THREAD = """
import signal, sys, threading, time
from config.main import work

def tell():
    time.sleep(2)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

threading.Thread(target=tell, daemon=True).start()
work()
"""
HANG = """
import threading
from config.signals import end_within

end_within(0.2)
threading.Event().wait()
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=environment({"DATA": str(folder / "data")}),
        capture_output=True,
        text=True,
        timeout=STOPS_WITHIN,
        check=False,
    )


def test_a_signal_to_another_thread_than_the_main_one_ends_the_process(
    tmp_path: Path,
) -> None:
    ended = run(WORK_AND_TELL_ANOTHER_THREAD, tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_a_process_that_hangs_while_stopping_logs_where_and_exits(tmp_path: Path) -> None:
    ended = run(HANG, tmp_path)
    assert ended.returncode == 1
    assert "in wait" in ended.stderr


def test_hanging_loops_share_the_time_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "STOP_SECONDS", 0.3)
    waited: list[float] = []

    class Hanging(Loop):
        def join(self, timeout: float) -> None:
            waited.append(timeout)
            Event().wait(timeout)

    runtime = runtimes.Runtime.__new__(runtimes.Runtime)
    runtime.running = [
        runtimes.Running("worker", name, hanging(Hanging, name), lambda: 0) for name in "abc"
    ]
    runtime.stop()
    assert waited[0] > 0
    assert waited[1:] == [0.0, 0.0]


def hanging(kind: type[Loop], name: str) -> Loop:
    return kind(name, lambda: False, MemoryLeases(), "this process", idle_seconds=lambda: 1.0)
