"""Serving a film that is decrypted on the way, beside the same film stored in the open.

How fast one client gets all of it, how soon the first bytes of a range in the middle arrive, and
how much memory the server takes for it. Run with ``python -m benchmarks.media``.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from benchmarks.measure import Figure, medians, print_table
from tests.servers import Mongo, free_port, listens, wait_until

ROUNDS = 5
RANGES = 200
RANGE_BYTES = 2_000_000
THROUGHPUT_TARGET, FIRST_BYTE_TARGET, MEMORY_TARGET = 0.5, 2.0, 1.3
PATIENCE = 120.0
PLAIN, SEALED = "/plain", "/sealed"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Mongo() as mongo:
        measure("a folder", 500_000_000, {"MEDIA_FOLDER": folder})
        measure("GridFS", 100_000_000, {"MEDIA_MONGO_URL": mongo.url})


def measure(store: str, size: int, settings: Mapping[str, str]) -> None:
    with served({**settings, "MEDIA_SIZE": str(size)}) as server:
        idle = server.kilobytes()
        soon = medians(ROUNDS, {it: lambda it=it: server.first_byte(it, size) for it in BOTH})  # type: ignore[misc] # mypy does not infer a lambda with a default
        fast = medians(ROUNDS, {it: lambda it=it: server.rate(it, size) for it in BOTH})  # type: ignore[misc] # as above
        busy = server.kilobytes()
    title = f"A film of {size // 1_000_000} MB in {store}, decrypted while it is served"
    whole = Figure(what="all of it", rate=fast[SEALED], floor=fast[PLAIN], target=THROUGHPUT_TARGET)
    print_table(title, "MB/s", [whole])
    first = Figure(
        what="first bytes of a range",
        rate=soon[SEALED],
        floor=soon[PLAIN],
        target=FIRST_BYTE_TARGET,
        most=True,
    )
    print_table(title, "us", [first])
    memory = Figure(what="memory", rate=busy, floor=idle, target=MEMORY_TARGET, most=True)
    print_table(title, "KB", [memory])


BOTH = (PLAIN, SEALED)


class MediaServer:
    """The server as its client sees it."""

    def __init__(self, port: int, pid: int) -> None:
        self._port = port
        self._pid = pid

    def rate(self, path: str, size: int) -> float:
        """Return the megabytes a second of one client that reads everything."""
        start = time.perf_counter()
        assert self._read(path) == size
        return size / 1e6 / (time.perf_counter() - start)

    def first_byte(self, path: str, size: int) -> float:
        """Return the median of microseconds to the first bytes of ranges all over the film."""
        taken = []
        with closing(HTTPConnection("127.0.0.1", self._port)) as client:
            for number in range(RANGES):
                begin = number * (size - RANGE_BYTES) // RANGES
                start = time.perf_counter()
                asked = f"bytes={begin}-{begin + RANGE_BYTES - 1}"
                client.request("GET", path, headers={"Range": asked})
                reply = client.getresponse()
                reply.read(1)
                taken.append(time.perf_counter() - start)
                assert len(reply.read()) == RANGE_BYTES - 1
        return median(taken) * 1e6

    def kilobytes(self) -> int:
        """Return the most memory that the server and its worker have had."""
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        return max(_most_kilobytes(pid) for pid in children)

    def _read(self, path: str) -> int:
        buffer, size = bytearray(1 << 20), 0
        with closing(HTTPConnection("127.0.0.1", self._port)) as client:
            client.request("GET", path)
            reply = client.getresponse()
            while got := reply.readinto(buffer):
                size += got
        return size


def _most_kilobytes(pid: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@contextmanager
def served(settings: Mapping[str, str]) -> Iterator[MediaServer]:
    """Both films on granian, with eight threads."""
    port = free_port()
    granian = str(Path(sys.executable).with_name("granian"))
    command = [granian, "benchmarks.media_server:app", "--interface", "wsgi", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", "8", "--no-log"]
    process = subprocess.Popen(command, env={**os.environ, **settings})
    try:
        assert wait_until(lambda: listens(port) and _answers(port), PATIENCE)
        yield MediaServer(port, process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _answers(port: int) -> bool:
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as client:
            client.request("HEAD", SEALED)
            return client.getresponse().status == 200
    except OSError:
        return False


if __name__ == "__main__":
    main()
