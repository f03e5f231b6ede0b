"""Serve the metrics of all processes of one ``klarity serve``, whichever of them is asked.

They share the internal address, and the kernel gives each request to one of them. That one asks the
others over a socket in a folder of their own.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

FOLDER = "SIBLINGS_OF_KLARITY"
"""The environment variable with the folder of the sockets, which ``serve`` gives its workers."""
LABEL = "process"
SECONDS = 2.0
"""How long one process may take to tell its metrics."""
MOST_WAITING = 16

Exposition = Callable[[], bytes]


@contextmanager
def folder_for_workers() -> Iterator[None]:
    """Give the workers that are started meanwhile a folder for their sockets."""
    with TemporaryDirectory(prefix="klarity-") as folder:
        os.environ[FOLDER] = folder
        yield
        del os.environ[FOLDER]


class Siblings:
    """Tells the other processes the metrics of this one, and collects theirs."""

    def __init__(self, folder: Path, name: str, own: Exposition) -> None:
        self._folder = folder
        self._own = own
        self._name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(folder / self._name))
        self._socket.listen(MOST_WAITING)
        self._thread = Thread(target=self._answer, name="siblings", daemon=True)
        self._thread.start()

    def exposition(self) -> bytes:
        """Return the metrics of all processes, each with the label ``process``.

        A process that does not answer is shown as down, and one that has ended is left out.
        """
        return generate_latest(Merged([(self._name, self._own()), *self._others()]))

    def close(self) -> None:
        """Tell nothing more."""
        (self._folder / self._name).unlink(missing_ok=True)
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _others(self) -> Iterator[tuple[str, bytes | None]]:
        for path in sorted(self._folder.iterdir()):
            if path.name != self._name:
                try:
                    yield path.name, _asked(path)
                except ConnectionRefusedError:
                    path.unlink(missing_ok=True)
                except OSError:
                    yield path.name, None

    def _answer(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # it is closed
                return
            with connection:
                connection.settimeout(SECONDS)
                try:
                    connection.sendall(self._own())
                except OSError:
                    continue


class Merged(Collector):
    """The metrics of several processes; None for one that does not answer."""

    def __init__(self, expositions: Iterable[tuple[str, bytes | None]]) -> None:
        self._expositions = expositions

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "klarity_process_up", "1 where the process tells its metrics", labels=(LABEL,)
        )
        families: dict[str, Metric] = {}
        for name, text in self._expositions:
            up.add_metric((name,), text is not None)
            for family in text_string_to_metric_families((text or b"").decode()):
                found = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    found.add_sample(sample.name, {**sample.labels, LABEL: name}, sample.value)
        yield up
        yield from families.values()


def _asked(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(path))
        return connection.makefile("rb").read()
