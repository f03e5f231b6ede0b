"""The sandbox: a tool taken over by a hostile file can read no secret and reach no network."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.sanitiser import sandbox
from adapters.sanitiser.sandbox import Isolation, Isolations, TookTooLong, ToolFailed, ToolLimits
from application.ports.sanitiser import SanitiserUnavailable

SOON = ToolLimits(seconds=60)
ISOLATIONS = [sandbox.bubblewrap, sandbox.namespaces, sandbox.nothing]
every_isolation = pytest.mark.parametrize(
    "isolate", ISOLATIONS, ids=[isolate.__name__ for isolate in ISOLATIONS], indirect=True
)
without_network = pytest.mark.parametrize(
    "isolate", ISOLATIONS[:2], ids=["bubblewrap", "namespaces"], indirect=True
)
WAIT = "import subprocess, sys, time; subprocess.Popen(['/bin/sleep', '{0}']); time.sleep(600)"


@pytest.fixture(name="isolate")
def fixture_isolate(request: pytest.FixtureRequest) -> Isolation:
    isolation: Isolation = request.param
    return isolation


@pytest.fixture(name="listener")
def fixture_listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def python(isolate: Isolation, code: str, folder: Path, limits: ToolLimits = SOON) -> str:
    original = folder / "original"
    original.touch()
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return (
        sandbox.run([sys.executable, "-c", code], original, work, limits, isolate).decode().strip()
    )


def running(marker: str) -> list[int]:
    """Processes with this argument, wherever they run."""
    shown = subprocess.run(["ps", "-eo", "pid=,args="], check=True, capture_output=True, text=True)
    lines = [line.split() for line in shown.stdout.splitlines()]
    return [int(pid) for pid, *arguments in lines if arguments == ["/bin/sleep", marker]]


def eventually(marker: str, *, alive: bool) -> bool:
    for _ in range(2000):
        if bool(running(marker)) is alive:
            return True
        time.sleep(0.05)
    return False


@every_isolation
class TestEverywhere:
    def test_the_output_of_the_tool_is_returned(self, isolate: Isolation, tmp_path: Path) -> None:
        assert python(isolate, "print('done')", tmp_path) == "done"

    def test_a_failure_holds_the_exit_status(self, isolate: Isolation, tmp_path: Path) -> None:
        with pytest.raises(ToolFailed) as failed:
            python(isolate, "raise SystemExit(11)", tmp_path)
        assert failed.value.status == 11

    def test_a_failure_holds_the_signal_that_killed_the_tool(
        self, isolate: Isolation, tmp_path: Path
    ) -> None:
        with pytest.raises(ToolFailed) as failed:
            python(isolate, "import os; os.abort()", tmp_path)
        assert failed.value.killed_by == signal.SIGABRT

    @pytest.mark.parametrize("status", [1, 2, 120, 126, 127, 255])
    def test_any_exit_status_is_a_failure_of_the_tool(
        self, status: int, isolate: Isolation, tmp_path: Path
    ) -> None:
        with pytest.raises(ToolFailed) as failed:
            python(isolate, f"raise SystemExit({status})", tmp_path)
        assert (failed.value.status, failed.value.killed_by) == (status, None)

    def test_a_missing_command_makes_the_sanitiser_unavailable(
        self, isolate: Isolation, tmp_path: Path
    ) -> None:
        with pytest.raises(SanitiserUnavailable):
            sandbox.run(["/usr/bin/not-there"], tmp_path, tmp_path, SOON, isolate)

    def test_temporary_files_are_in_the_work_folder(
        self, isolate: Isolation, tmp_path: Path
    ) -> None:
        code = "import tempfile; print(tempfile.gettempdir())"
        assert python(isolate, code, tmp_path) == str(tmp_path / "work")

    def test_no_secret_is_in_the_environment(
        self, isolate: Isolation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KLARITY_SECRET", "very secret")
        assert (
            python(isolate, "import os; print('KLARITY_SECRET' in os.environ)", tmp_path) == "False"
        )

    def test_the_tool_can_write_to_the_work_folder(
        self, isolate: Isolation, tmp_path: Path
    ) -> None:
        python(isolate, "open('found', 'w').write('there')", tmp_path)
        assert (tmp_path / "work" / "found").read_text() == "there"

    def test_the_size_of_files_is_limited(self, isolate: Isolation, tmp_path: Path) -> None:
        copy = ["/bin/dd", "if=/dev/zero", "of=copy", "bs=600", "count=9"]
        with pytest.raises(ToolFailed) as failed:
            sandbox.run(copy, tmp_path, tmp_path, ToolLimits(seconds=60, file_size=1000), isolate)
        assert failed.value.killed_by == signal.SIGXFSZ
        assert (tmp_path / "copy").stat().st_size == 1000

    def test_memory_is_limited(self, isolate: Isolation, tmp_path: Path) -> None:
        with pytest.raises(ToolFailed):
            python(isolate, "bytearray(1 << 30)", tmp_path, ToolLimits(seconds=60, memory=1 << 29))

    def test_time_on_the_processor_is_limited(self, isolate: Isolation, tmp_path: Path) -> None:
        busy = ToolLimits(seconds=600, cpu_seconds=1)
        with pytest.raises(ToolFailed) as failed:
            python(isolate, "while True: pass", tmp_path, busy)
        assert failed.value.killed_by == signal.SIGXCPU

    def test_a_tool_that_takes_too_long_is_killed_with_its_children(
        self, isolate: Isolation, tmp_path: Path
    ) -> None:
        marker = f"601.{os.getpid()}"
        with pytest.raises(TookTooLong):
            python(isolate, WAIT.format(marker), tmp_path, ToolLimits(seconds=3))
        assert eventually(marker, alive=False)

    def test_a_child_left_behind_is_killed(self, isolate: Isolation, tmp_path: Path) -> None:
        marker = f"602.{os.getpid()}"
        python(
            isolate, f"import subprocess; subprocess.Popen(['/bin/sleep', '{marker}'])", tmp_path
        )
        assert eventually(marker, alive=False)

    def test_the_tool_is_killed_with_its_worker(self, isolate: Isolation, tmp_path: Path) -> None:
        marker = f"603.{os.getpid()}"
        with subprocess.Popen([sys.executable, "-c", worker(isolate, marker, tmp_path)]) as process:
            assert eventually(marker, alive=True)
            process.send_signal(signal.SIGKILL)
        assert eventually(marker, alive=False)


def worker(isolate: Isolation, marker: str, folder: Path) -> str:
    """A process that waits for its tool, which would sleep for long."""
    name = getattr(isolate, "__name__", "")
    arguments = f"['/bin/sleep', '{marker}'], Path('{folder}'), Path('{folder}'), limits"
    return (
        "from pathlib import Path\n"
        "from adapters.sanitiser import sandbox\n"
        "limits = sandbox.ToolLimits(seconds=600)\n"
        f"sandbox.run({arguments}, sandbox.{name})\n"
    )


@without_network
class TestWithoutNetwork:
    def test_a_listener_on_this_machine_cannot_be_reached(
        self, isolate: Isolation, tmp_path: Path, listener: socket.socket
    ) -> None:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        with pytest.raises(ToolFailed):
            python(
                isolate,
                f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)",
                tmp_path,
            )


@pytest.mark.parametrize("isolate", [sandbox.bubblewrap], ids=["bubblewrap"], indirect=True)
class TestOwnFiles:
    @pytest.mark.parametrize(
        "hidden",
        ["/etc/passwd", "/etc/hostname", "/proc/self", "/var/lib", sandbox.PROJECT / "tests"],
    )
    def test_files_of_the_machine_are_hidden(
        self, hidden: str | Path, isolate: Isolation, tmp_path: Path
    ) -> None:
        assert Path(hidden).exists()
        assert python(isolate, f"import os; print(os.path.exists('{hidden}'))", tmp_path) == "False"

    def test_files_beside_the_original_are_hidden(self, isolate: Isolation, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("very secret")
        assert python(isolate, f"import os; print(os.path.exists('{secret}'))", tmp_path) == "False"

    def test_the_original_cannot_be_changed(self, isolate: Isolation, tmp_path: Path) -> None:
        with pytest.raises(ToolFailed):
            python(isolate, "open('../original', 'w')", tmp_path)

    def test_other_processes_are_hidden(self, isolate: Isolation, tmp_path: Path) -> None:
        with pytest.raises(ToolFailed):
            python(isolate, f"import os; os.kill({os.getpid()}, 0)", tmp_path)


class TestChoiceOfIsolation:
    def test_bubblewrap_is_chosen_if_it_works(self) -> None:
        assert Isolations()() is sandbox.bubblewrap
        assert Isolations(unconfined=True)() is sandbox.bubblewrap

    @pytest.mark.parametrize("working", [sandbox.namespaces, None])
    def test_without_bubblewrap_no_tool_runs_and_the_reason_is_logged_once(
        self,
        working: Isolation | None,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(sandbox, "works", lambda candidate: candidate is working)
        isolations = Isolations()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                with pytest.raises(SanitiserUnavailable, match="KLARITY_UNCONFINED_MEDIA"):
                    isolations()
        assert len(caplog.records) == 1
        assert "bubblewrap does not work" in caplog.text

    def test_bubblewrap_is_chosen_as_soon_as_it_works(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        isolations = Isolations()
        with monkeypatch.context() as before:
            before.setattr(sandbox, "bubblewrap", lambda _reads, _folder: ["/missing/bwrap"])
            with pytest.raises(SanitiserUnavailable):
                isolations()
        monkeypatch.setattr(sandbox, "REMEMBERED", -1)
        assert isolations() is sandbox.bubblewrap

    @pytest.mark.parametrize(
        ("working", "warning"), [(sandbox.namespaces, "read all files"), (None, "use the network")]
    )
    def test_a_weaker_isolation_is_chosen_if_the_operator_allows_it_and_logged_once(
        self,
        working: Isolation | None,
        warning: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(sandbox, "works", lambda candidate: candidate is working)
        isolations = Isolations(unconfined=True)
        with caplog.at_level(logging.WARNING):
            chosen = {isolations() for _ in range(3)}
        assert chosen == {working or sandbox.nothing}
        assert [warning in record.message for record in caplog.records] == [True]
