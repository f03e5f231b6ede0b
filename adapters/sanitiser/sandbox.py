"""Running a tool on a file that may be hostile: without network, secrets, or time without end."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic
from typing import BinaryIO

from adapters.sanitiser.refusals import OUR_FAULT
from application.ports.sanitiser import SanitiserUnavailable

log = logging.getLogger(__name__)

HOUSE = Path(__file__).parents[2]
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(HOUSE),
    # Each arena of each thread would count against the limit of memory.
    "MALLOC_ARENA_MAX": "2",
}
PYTHON = (sys.executable, "-P", "-B", "-m")
LARGEST_REPLY = 1 << 20
NOTHING_WORKS = (
    "bubblewrap does not work here: evidence waits. Install it and allow user namespaces, or set "
    "KLARITY_UNCONFINED_MEDIA=true to let media tools read all files of this user"
)

CHECK = (sys.executable, "-c", "")
# A check takes a moment: who asks again and again, such as a health check, gets the last answer.
REMEMBERED = 30.0
# What a shell and bubblewrap add to the number of the signal that ended a command.
SIGNALLED = 128

Isolation = Callable[[Sequence[Path], Path], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one run of one tool.

    ``seconds`` of wall clock, for a tool that waits; ``cpu_seconds`` on the processors, of all its
    threads; bytes of ``memory`` (address space) and of a file written.
    """

    seconds: float
    cpu_seconds: int = 600
    memory: int = 4 << 30
    file_size: int = 1 << 30


class ToolFailed(Exception):
    """The tool gave up with this exit status, or was ``killed_by`` this signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status

    @property
    def killed_by(self) -> int | None:
        number = self.status - SIGNALLED if self.status > 0 else -self.status
        return number if number in set(signal.Signals) else None


class TookTooLong(Exception):
    """The tool and all its children were killed when the time was over."""


def run(
    command: Sequence[str], reads: Path, folder: Path, limits: Limits, isolate: Isolation
) -> bytes:
    """What the command writes to standard output, the first MiB of it.

    It sees the file it ``reads``, and the ``folder`` it works and may write in.
    Raises ToolFailed, TookTooLong; SanitiserUnavailable when the failure is ours.
    """
    isolated = isolate([reads, Path(command[0]).parent], folder)
    with _memory_file() as reply:
        status = _wait([*isolated, *confine(command, limits)], folder, limits.seconds, reply)
        if status == OUR_FAULT:
            raise SanitiserUnavailable("a part of the media tools is missing, or room to write")
        if status != 0:
            require_that_it_works(isolate)
            raise ToolFailed(status)
        reply.seek(0)
        return reply.read(LARGEST_REPLY)


def confine(command: Sequence[str], limits: Limits) -> list[str]:
    numbers = (limits.cpu_seconds, limits.memory, limits.file_size)
    return [*PYTHON, "adapters.sanitiser.confined", *map(str, numbers), *command]


def _memory_file() -> BinaryIO:
    """Return a file without a name and without a disk."""
    return os.fdopen(os.memfd_create("klarity"), "w+b")


def _wait(command: Sequence[str], folder: Path, seconds: float, reply: BinaryIO) -> int:
    # What tools complain about may quote the file's metadata: it goes nowhere.
    with subprocess.Popen(  # noqa: S603 -- the command is ours; nothing in it comes from users
        command,
        cwd=folder,
        env=ENVIRONMENT | {"TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=reply,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired as expired:
            raise TookTooLong from expired
        finally:
            _kill_group(process)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class Isolations:
    """The strongest isolation that works here.

    A weaker one than bubblewrap is used only where the operator has said so (``unconfined``).
    """

    def __init__(self, *, unconfined: bool = False) -> None:
        self._unconfined = unconfined
        self._lock = Lock()
        self._found: Isolation | None = None
        self._looked = -inf

    def __call__(self) -> Isolation:
        """Raises SanitiserUnavailable where nothing that is allowed works."""
        with self._lock:
            if self._found is None and monotonic() - self._looked > REMEMBERED:
                self._found = self._find()
                self._looked = monotonic()
            if self._found is None:
                raise SanitiserUnavailable(NOTHING_WORKS)
            return self._found

    def _find(self) -> Isolation | None:
        if works(bubblewrap):
            return bubblewrap
        if not self._unconfined:
            log.error(NOTHING_WORKS)
            return None
        if works(namespaces):
            log.warning("bubblewrap does not work here: media tools can read all files")
            return namespaces
        log.warning("no isolation works here: media tools can use the network and read all files")
        return nothing


def require_that_it_works(isolate: Isolation, command: Sequence[str] = CHECK) -> None:
    """A broken tool, or a machine short of processes or memory, must not look like a broken file.

    Raises SanitiserUnavailable unless the command, which reads nothing, succeeds.
    """
    if not works(isolate, command):
        raise SanitiserUnavailable(f"{Path(command[0]).name} does not work in the sandbox")


def works(isolate: Isolation, command: Sequence[str] = CHECK) -> bool:
    with TemporaryDirectory(prefix="klarity-") as name, _memory_file() as reply:
        folder = Path(name)
        isolated = isolate([Path(command[0]).parent], folder)
        confined = confine(command, Limits(seconds=60))
        try:
            return _wait([*isolated, *confined], folder, 60, reply) == 0
        except (OSError, TookTooLong):
            return False


def bubblewrap(reads: Sequence[Path], folder: Path) -> list[str]:
    """Its own processes, network and users, and of the files only those it needs."""
    system = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
    python = (sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1]))
    seen = [*system, *python, str(HOUSE / "adapters"), *map(str, reads)]
    shown = [word for path in seen for word in ("--ro-bind-try", path, path)]
    return [
        *(shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent"),
        *("--new-session", "--cap-drop", "ALL", "--dev", "/dev"),
        *(*shown, "--bind", str(folder), str(folder), "--chdir", str(folder)),
    ]


def namespaces(_reads: Sequence[Path], _folder: Path) -> list[str]:
    """No network; all files that this user may read."""
    return [shutil.which("unshare") or "unshare", "--user", "--map-current-user", "--net"]


def nothing(_reads: Sequence[Path], _folder: Path) -> list[str]:
    """Only the limits hold."""
    return []
