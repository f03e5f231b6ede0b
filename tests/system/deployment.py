"""Whole deployments of Klarity: real processes, real stores, real brokers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from uuid import uuid4

import requests

from application.system import services
from entrypoints.nginx import nginx_configuration, nginx_main, trusting
from tests.servers import free_port, listens, states_of, wait_until

KLARITY = str(Path(sys.executable).with_name("klarity"))
SECRET = "a secret for tests that is long enough"
EPOCHS = TemporaryDirectory(prefix="klarity-epochs-")
"""Where the processes of a deployment find the epochs of their key vault."""
SEARCHES = TemporaryDirectory(prefix="klarity-searches-")
"""Where they find the search index."""
STARTS_WITHIN = 240.0
STOPS_WITHIN = 120.0


class Klarity:
    """One ``klarity`` process, killed like a process and restarted like one."""

    measured: ClassVar[bool] = False
    """Whether what it covers counts: that slows it down, and is lost where it is killed."""

    variables: ClassVar[Mapping[str, str]] = {}
    """What else its environment holds."""

    def __init__(
        self, folder: Path, *arguments: str, ready: str = "/health/ready", **settings: str
    ) -> None:
        self.folder = folder
        self.port = int(settings.get("PORT") or free_port())
        self.internal_port = free_port()
        self.arguments = arguments or ("serve",)
        self.serves = self.arguments == ("serve",)
        self.settings = {
            "DATA": str(folder / "data"),
            **settings,
            "PORT": str(self.port),
            "INTERNAL_PORT": str(self.internal_port),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._ready = ready

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def internal_url(self) -> str:
        """Where operators and other services reach it."""
        return f"http://127.0.0.1:{self.internal_port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> "Klarity":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.launch()
        if self.serves:
            self.wait_until_ready()
        return self

    def launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [KLARITY, *self.arguments],
                env={**environment(self.settings, measured=self.measured), **self.variables},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *arguments: str) -> None:
        """Run another ``klarity`` command with the same settings beside it."""
        done = subprocess.run(
            [KLARITY, *arguments],
            env={**environment(self.settings), **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def wait_until_ready(self) -> None:
        until = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < until:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            try:
                if requests.get(self.internal_url + self._ready, timeout=5).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready: {self.log()}")

    def kill(self) -> None:
        """SIGKILL to the process and its children: no chance to clean up."""
        process = self.process
        assert process is not None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOPS_WITHIN)
        # Whoever is still in the disk's hands holds the data folder.
        assert wait_until(lambda: states_of(process.pid) <= {"Z"}, STOPS_WITHIN)

    def stop(self) -> int:
        """SIGTERM, as a service manager would; the exit code."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop: {self.log()}") from None

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]


class MeasuredKlarity(Klarity):
    measured = True


class NewerKlarity(Klarity):
    """A newer program: it writes an event that the others do not know."""

    variables: ClassVar[Mapping[str, str]] = {"PYTHONPATH": str(Path(__file__).parent / "newer")}


class FaultyKlarity(Klarity):
    """A program with a fault: it cannot show members who are called Eve."""

    variables: ClassVar[Mapping[str, str]] = {"PYTHONPATH": str(Path(__file__).parent / "faulty")}


def environment(settings: Mapping[str, str], *, measured: bool = False) -> dict[str, str]:
    """The environment of a Klarity process: nothing of the tests' own settings."""
    unwanted = ("KLARITY_",) if measured else ("KLARITY_", "COVERAGE_")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    plain["RATELIMIT_ENABLED"] = "1"
    if modules := os.environ.get("KLARITY_TEST_PYTHONPATH"):
        plain["PYTHONPATH"] = modules
    return {**plain, **{f"KLARITY_{name}": value for name, value in settings.items()}}


def relaxed() -> dict[str, str]:
    """Limits that a test's hundred phones behind one address do not meet."""
    names = ("RATE_LIMIT", "SIGN_IN_LIMIT", "SIGN_IN_ACCOUNT_LIMIT", "SIGN_IN_NETWORK_LIMIT")
    return dict.fromkeys(names, "1000000 per minute")


def shared_stores(mongo_url: str, **bus: str) -> dict[str, str]:
    """Settings for MongoDB and a broker, isolated by names of their own."""
    name = f"klarity_{uuid4().hex[:10]}"
    return {
        "EVENT_STORE": "mongo",
        "READ_MODELS": "mongo",
        "MEDIA": "gridfs",
        "MONGO_URL": mongo_url,
        "MONGO_DATABASE": name,
        "BUS_PREFIX": name.replace("_", "-"),
        "SECRET": SECRET,
        "EPOCHS": f"{EPOCHS.name}/{name}",
        "SEARCH_URL": f"file://{SEARCHES.name}/{name}",
        **relaxed(),
        **bus,
    }


@contextmanager
def one_process(
    folder: Path, kind: type[Klarity] = Klarity, /, **settings: str
) -> Iterator[Klarity]:
    klarity = kind(folder, **settings)
    try:
        yield klarity.start()
    finally:
        klarity.close()


@dataclass(frozen=True)
class Served:
    """A running deployment: the address for clients, and those of its processes for operators."""

    url: str
    internal_urls: Sequence[str]


@contextmanager
def process_per_service(folder: Path, **settings: str) -> Iterator[Served]:
    """Every service in a process of its own, behind nginx."""
    inner = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        running = {
            service.id: Klarity(
                folder / service.id.replace(":", "-"),
                SERVICES=service.id,
                API_URL=f"http://{inner}",
                PROXIES="1",
                **settings,
            )
            for service in services()
        }
        for klarity in running.values():
            stack.callback(klarity.close)
            klarity.folder.mkdir(parents=True)
            klarity.launch()
        for klarity in running.values():
            klarity.wait_until_ready()
        addresses = {name: f"127.0.0.1:{each.port}" for name, each in running.items()}
        url = stack.enter_context(nginx(folder / "nginx", addresses, inner))
        yield Served(url, [each.internal_url for each in running.values()])


@contextmanager
def nginx(
    folder: Path,
    addresses: Mapping[str, str],
    inner: str | None = None,
    trust: Sequence[str] = (),
) -> Iterator[str]:
    """The nginx that ``klarity services --nginx`` configures, on ports of its own."""
    port = free_port()
    servers = nginx_configuration(
        addresses,
        outer=f"127.0.0.1:{port}",
        inner=inner or f"127.0.0.1:{free_port()}",
        trusted=trusting(trust),
    )
    with nginx_at(folder, port, servers):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx_at(folder: Path, port: int, servers: str) -> Iterator[None]:
    """An nginx with these servers, one of which listens on the port."""
    folder.mkdir(parents=True)
    (folder / "nginx.conf").write_text(nginx_main(folder, servers))
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(
        command, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    )
    try:
        assert wait_until(lambda: listens(port), STARTS_WITHIN), "nginx did not start"
        yield
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN)
