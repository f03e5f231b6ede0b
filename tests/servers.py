"""Private servers for tests: each on a free port of this machine, its data in a temporary folder.

A server may be killed, paused and started again on the same port and data. Whatever ends the tests,
even SIGKILL, also ends their servers and removes their folders.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

import redis
from kombu.connection import Connection
from pymongo import MongoClient
from pymongo.errors import OperationFailure

HOST = "127.0.0.1"
ALREADY_INITIALIZED = 23
ROOMY_BYTES = 8 * 1024**3

# Told the process group on its standard input, the guardian kills it when the input ends.
GUARDIAN = """
while read -r line; do group=$line; done
[ -z "$group" ] || kill -s KILL -- "-$group"
rm -rf -- "$0"
"""

# Erlang starts a name server of its own, out of the group, if it finds none. RabbitMQ now and then
# starts an Erlang for just that, which may outlive it and find that the name server was killed.
NO_NAME_SERVER_OF_THEIR_OWN = "-start_epmd false"
# With a scheduler for each core, a start takes half as much of the processor again.
ONE_SCHEDULER = "+S 1:1"
NO_OTHER_MACHINES = "-kernel inet_dist_use_interface {127,0,0,1}"
# A server that lives for minutes does not earn back what optimising its code costs.
QUICK_JAVA = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

START_RABBITMQ = """
until "$0" -names >/dev/null 2>&1; do
    "$0" &
    sleep 0.2
done
exec "$1"
"""


class ServerMissing(Exception):
    """A server's program is not installed; the message says what to install."""


class ServerFailed(Exception):
    """A server ended or did not answer in time; the message holds the end of its output."""


class Server(ABC):
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

    @property
    @abstractmethod
    def url(self) -> str:
        """The address that a client takes."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """The program and its arguments; raises ServerMissing."""

    @abstractmethod
    def _ask(self) -> None:
        """Make the server answer as a client would; raises whatever its client raises."""

    def _environment(self) -> Mapping[str, str]:
        return {}

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
        if not wait_until(lambda: self._has_ended() or self._answers(), self.patience):
            raise ServerFailed(f"{type(self).__name__} did not answer:\n{self._last_output()}")
        if self._has_ended():
            raise ServerFailed(f"{type(self).__name__} ended:\n{self._last_output()}")

    def _has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _answers(self) -> bool:
        if not listens(self.port):
            return False
        try:
            self._ask()
        except Exception:  # noqa: BLE001 - a starting server refuses in as many ways as it likes
            return False
        return True

    def _last_output(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")[-2000:]


class Mongo(Server):
    """MongoDB as a replica set of one."""

    @property
    def url(self) -> str:
        return f"mongodb://{HOST}:{self.port}/?replicaSet=rs0"

    def _command(self) -> Sequence[str]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return [
            *(mongod(), "--dbpath", str(data), "--replSet", "rs0"),
            *("--bind_ip", HOST, "--port", str(self.port), "--nounixsocket"),
            *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "200"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    def _ask(self) -> None:
        self._initiate()
        with self._client(self.url) as client:
            client.admin.command("ping")

    def _initiate(self) -> None:
        members = [{"_id": 0, "host": f"{HOST}:{self.port}"}]
        with self._client(HOST, self.port, directConnection=True) as client:
            try:
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            except OperationFailure as failure:
                if failure.code != ALREADY_INITIALIZED:
                    raise

    def _client(self, *where: Any, **options: Any) -> MongoClient[dict[str, object]]:
        return MongoClient(*where, serverSelectionTimeoutMS=5000, **options)


class Redis(Server):
    """Redis with an append-only file, synced every second."""

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def _command(self) -> Sequence[str]:
        return [
            *(program("redis-server", "redis-server"), "--dir", str(self.folder)),
            *("--bind", HOST, "--port", str(self.port)),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
        ]

    def _ask(self) -> None:
        with redis.Redis(host=HOST, port=self.port, socket_timeout=5) as client:
            client.ping()


class RabbitMQ(Server):
    """RabbitMQ with a name server (epmd) of its own, in the same process group."""

    # Debian's script in the PATH changes to another user; this is the one that it calls.
    scripts = "/usr/lib/rabbitmq/bin"

    def __init__(self) -> None:
        super().__init__()
        self.epmd_port = free_port()
        self.distribution_port = free_port()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self.port}//"

    def kill(self) -> None:
        super().kill()
        wait_until(lambda: not listens(self.epmd_port), self.patience)

    def _command(self) -> Sequence[str]:
        search = f"{self.scripts}:{os.environ.get('PATH', os.defpath)}"
        server = program("rabbitmq-server", "rabbitmq-server", search)
        epmd = program("epmd", "erlang-base")
        return ["sh", "-c", START_RABBITMQ, epmd, server]

    def _environment(self) -> Mapping[str, str]:
        folder = self.folder
        return {
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_FLAGS": NO_NAME_SERVER_OF_THEIR_OWN,
            "RABBITMQ_NODENAME": "klarity@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{ONE_SCHEDULER} {NO_OTHER_MACHINES}",
        }

    def _ask(self) -> None:
        with Connection(self.url, connect_timeout=5) as connection:
            connection.connect()


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


def program(name: str, package: str, search: str | None = None) -> str:
    """Where a program is; raises ServerMissing with the Debian package that has it."""
    sbin = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    found = shutil.which(name, path=search or sbin)
    if found is None:
        raise ServerMissing(f"{name} is missing: apt-get install {package}")
    return found


def mongod() -> str:
    """The MongoDB server that a Python package brings along; raises ServerMissing."""
    package = find_spec("fiftyone")
    for folder in (package and package.submodule_search_locations) or []:
        server = Path(folder) / "db" / "bin" / "mongod"
        if server.exists():
            return str(server)
    raise ServerMissing("mongod is missing: pip install --require-hashes -r requirements-dev.txt")


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


def free_port() -> int:
    """A free port below those that the system gives to clients.

    A client that calls a dead server on one of the latter may be given that very port, and so
    connect to itself and keep the server from coming back.
    """
    while listens(port := random.randrange(15_000, 32_000)):
        pass
    return port


def listens(port: int) -> bool:
    """Whether a server listens on this port of this machine, paused ones included."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((HOST, port)) == 0


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
