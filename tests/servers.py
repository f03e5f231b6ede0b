"""Private servers for tests: each on a free port of this machine, its data in a temporary folder.

A server may be killed, paused and started again on the same port and data. Whatever ends the tests,
even SIGKILL, also ends their servers and removes their folders.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from entrypoints.up import servers
from entrypoints.up.programs import HOST, PORTS, ServerMissing, listens, program, reserved

__all__ = ["HOST", "ServerMissing", "listens", "program"]

ROOMY_BYTES = 8 * 1024**3

# Told the process group on its standard input, the guardian kills it when the input ends.
GUARDIAN = """
while read -r line; do group=$line; done
[ -z "$group" ] || kill -s KILL -- "-$group"
rm -rf -- "$0"
"""

# A server that lives for minutes does not earn back what optimising its code costs.
QUICK_JAVA = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


# Some servers start long after their port was chosen, or are away for a while.
HELD: deque[socket.socket] = deque(maxlen=1000)


def free_port() -> int:
    """Return a free port that no test of this machine is given again, unless 1,000 others were."""
    while True:
        with contextlib.suppress(OSError):
            HELD.append(reserved(secrets.choice(PORTS)))
            port: int = HELD[-1].getsockname()[1]
            return port


class ServerFailed(Exception):
    """A server ended or did not answer in time; the message holds the end of its output."""


class Server(servers.LocalServer):
    """One private server process group, its port and its data folder."""

    patience: ClassVar[float] = 300.0
    """Seconds until a starting server must answer and a stopping one be gone."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="klarity-server-", dir=roomy_memory()))
        self._process: subprocess.Popen[bytes] | None = None
        self._guardian = _guardian_of(self.folder)
        self.discard = weakref.finalize(self, _dismiss, self._guardian)
        """Ends the server for good and removes its data; happens by itself in the end."""

    def start(self) -> None:
        """Start on the same port and data as ever, and return when the server answers."""
        if self._process is not None:
            return
        self._process = self._launch(self._command())
        self._tell_guardian(str(self._process.pid))
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the server as an administrator would; harmless when it is not running."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.patience)
        self.kill()

    def kill(self) -> None:
        """End the server and all its processes with SIGKILL."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._process = None
        self._tell_guardian("")
        wait_until(lambda: not listens(self.port), self.patience)

    def pause(self) -> None:
        """Freeze the server: it accepts connections and answers nothing."""
        self._signal(signal.SIGSTOP)
        assert wait_until(self._is_frozen, self.patience)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the server; its data goes with it, so that it need not be saved."""
        self.kill()
        self.discard()

    def _launch(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "output.log").open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **self._environment()},
                process_group=0,
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _is_frozen(self) -> bool:
        """Whether every thread has come to its halt: on a busy machine that takes a while."""
        assert self._process is not None
        return states_of(self._process.pid) == {"T"}

    def _tell_guardian(self, line: str) -> None:
        assert self._guardian.stdin is not None
        self._guardian.stdin.write(f"{line}\n".encode())

    def _wait_until_it_answers(self) -> None:
        if not wait_until(lambda: self._has_ended() or self.answers(), self.patience):
            raise ServerFailed(f"{type(self).__name__} did not answer:\n{self._last_output()}")
        if self._has_ended():
            raise ServerFailed(f"{type(self).__name__} ended:\n{self._last_output()}")

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _last_output(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")[-2000:]


class Mongo(Server, servers.Mongo):
    """MongoDB as a replica set of one."""


class Redis(Server, servers.Redis):
    """Redis with an append-only file, synced every second."""


class RedisSearch(Redis, servers.RedisSearch):
    """Redis with its search module, as the Python package of Redis Stack brings them along."""


class RabbitMQ(Server, servers.RabbitMQ):
    """RabbitMQ with a name server (epmd) of its own, in the same process group."""

    def __init__(self) -> None:
        super().__init__()
        self.epmd_port = free_port()
        self.distribution_port = free_port()

    def kill(self) -> None:
        super().kill()
        wait_until(lambda: not listens(self.epmd_port), self.patience)


class PubSub(Server):
    """The emulator of Google Cloud Pub/Sub; it keeps its data in memory only."""

    @property
    def url(self) -> str:
        """Host and port, for PUBSUB_EMULATOR_HOST."""
        return f"{HOST}:{self.port}"

    def _command(self) -> Sequence[str]:
        java = program("java", "default-jre-headless")
        jar = str(pubsub_emulator())
        return [java, *QUICK_JAVA, "-jar", jar, f"--host={HOST}", f"--port={self.port}"]

    def _ask(self) -> None:
        with contextlib.closing(http.client.HTTPConnection(HOST, self.port, timeout=5)) as client:
            client.request("GET", "/")
            assert client.getresponse().status == http.HTTPStatus.OK


BROKERS: Mapping[str, type[Server]] = {"rabbitmq": RabbitMQ, "redis": Redis, "pubsub": PubSub}
"""The broker of each bus, by the name of the bus in tests."""


def pubsub_emulator() -> Path:
    """The emulator's jar in the Google Cloud SDK; raises ServerMissing."""
    for root in _google_cloud_sdks():
        for jar in sorted(root.glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar")):
            return jar
    raise ServerMissing(
        "the Pub/Sub emulator is missing: gcloud components install pubsub-emulator, or "
        "apt-get install google-cloud-cli-pubsub-emulator from Google's package archive"
    )


def _google_cloud_sdks() -> list[Path]:
    gcloud = shutil.which("gcloud")
    beside_gcloud = [Path(gcloud).resolve().parents[1]] if gcloud else []
    usual = ["/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "/opt/google-cloud-sdk"]
    return [*beside_gcloud, *map(Path, usual), Path.home() / "google-cloud-sdk"]


def roomy_memory() -> Path | None:
    """A folder kept in memory, where no write waits for a disk, if a server's data fits in it.

    What is killed there loses no more than on a disk: the machine goes on.
    """
    memory = Path("/dev/shm")  # noqa: S108 - folders in it are made with mkdtemp
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOMY_BYTES
    return memory if roomy else None


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def states_of(group: int) -> set[str]:
    """The states in which the threads of a process group are (man proc)."""
    states = [_state(thread) for thread in Path("/proc").glob("[0-9]*/task/*/stat")]
    return {state for its_group, state in filter(None, states) if its_group == group}


def _state(stat: Path) -> tuple[int, str] | None:
    """The process group of a thread and its state (man proc), unless it has ended."""
    try:
        state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return None
    return int(group), state


def _guardian_of(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["sh", "-c", GUARDIAN, str(folder)],
        stdin=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )


def _dismiss(guardian: subprocess.Popen[bytes]) -> None:
    with guardian:
        pass
