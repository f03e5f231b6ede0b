"""Run tools on hostile files without network and secrets, and with a time limit."""

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

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(PROJECT),
    # Each thread's arena would count against the memory limit.
    "MALLOC_ARENA_MAX": "2",
}
PYTHON = (sys.executable, "-P", "-B", "-m")
# Without the modules of others, which start each time and which setting limits does not need.
BARE_PYTHON = (sys.executable, "-S", "-P", "-B", "-m")
LARGEST_REPLY = 1 << 20
NOTHING_WORKS = (
    "bubblewrap does not work here: evidence waits. Install it and allow user namespaces, or set "
    "KLARITY_UNCONFINED_MEDIA=true to let media tools read all files of this user"
)

CHECK = (sys.executable, "-S", "-c", "")
# Frequent checks, such as health checks, get the last result for this many seconds.
REMEMBERED = 30.0
# Shells and bubblewrap add this to the number of the signal that ended a command.
SIGNALLED = 128

Isolation = Callable[[Sequence[Path], Path], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolLimits:
    """The limits of one run of a tool.

    ``seconds`` of wall-clock time, also while the tool waits; ``cpu_seconds`` of all its threads
    together; bytes of ``memory`` (address space) and of the largest file written.
    """

    seconds: float
    cpu_seconds: int = 600
    memory: int = 4 << 30
    file_size: int = 1 << 30


class ToolFailed(Exception):
    """The tool ended with this exit status, or was ``killed_by`` this signal."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status

    @property
    def killed_by(self) -> int | None:
        number = self.status - SIGNALLED if self.status > 0 else -self.status
        return number if number in set(signal.Signals) else None


class TookTooLong(Exception):
    """The tool and its children were killed at the time limit."""


def run(
    command: Sequence[str], reads: Path, folder: Path, limits: ToolLimits, isolate: Isolation
) -> bytes:
    """Run the command. Returns the first MiB of its standard output.

    It can see the file that it ``reads``, and the ``folder`` in which it works and writes.
    Raises ToolFailed, TookTooLong, or SanitiserUnavailable if the file is not the cause.
    """
    isolated = isolate([reads, Path(command[0]).parent], folder)
    with _memory_file() as reply:
        status = _wait([*isolated, *confine(command, limits)], folder, limits.seconds, reply)
        if status == OUR_FAULT:
            raise SanitiserUnavailable("a part of the media tools or space to write is missing")
        if status != 0:
            require_that_it_works(isolate)
            raise ToolFailed(status)
        reply.seek(0)
        return reply.read(LARGEST_REPLY)


def confine(command: Sequence[str], limits: ToolLimits) -> list[str]:
    numbers = (limits.cpu_seconds, limits.memory, limits.file_size)
    return [*BARE_PYTHON, "adapters.sanitiser.confined", *map(str, numbers), *command]


def _memory_file() -> BinaryIO:
    """Return a file without a name, in memory."""
    return os.fdopen(os.memfd_create("klarity"), "w+b")


def _wait(command: Sequence[str], folder: Path, seconds: float, reply: BinaryIO) -> int:
    # Error output of tools can quote metadata of the file, so it is dropped.
    with subprocess.Popen(  # noqa: S603 -- the command contains no input of users
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
    """Finds the strongest isolation that works on this machine.

    Isolation weaker than bubblewrap's is used only if the operator allows it (``unconfined``).
    """

    def __init__(self, *, unconfined: bool = False) -> None:
        self._unconfined = unconfined
        self._lock = Lock()
        self._found: Isolation | None = None
        self._looked = -inf

    def __call__(self) -> Isolation:
        """Return the isolation. Raises SanitiserUnavailable if no allowed one works."""
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
    """Raise SanitiserUnavailable unless the command succeeds, which reads no file.

    This distinguishes a broken file from a broken tool, or a machine short of memory or processes.
    """
    if not works(isolate, command):
        raise SanitiserUnavailable(f"{Path(command[0]).name} does not work in the sandbox")


def works(isolate: Isolation, command: Sequence[str] = CHECK) -> bool:
    with TemporaryDirectory(prefix="klarity-") as name, _memory_file() as reply:
        folder = Path(name)
        isolated = isolate([Path(command[0]).parent], folder)
        confined = confine(command, ToolLimits(seconds=60))
        try:
            return _wait([*isolated, *confined], folder, 60, reply) == 0
        except (OSError, TookTooLong):
            return False


def bubblewrap(reads: Sequence[Path], folder: Path) -> list[str]:
    """Give the tool its own processes, network and users, and only the files that it needs."""
    system = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")
    python = (sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1]))
    seen = [*system, *python, str(PROJECT / "adapters"), *map(str, reads)]
    shown = [word for path in seen for word in ("--ro-bind-try", path, path)]
    return [
        *(shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent"),
        *("--new-session", "--cap-drop", "ALL", "--dev", "/dev"),
        *(*shown, "--bind", str(folder), str(folder), "--chdir", str(folder)),
    ]


def namespaces(_reads: Sequence[Path], _folder: Path) -> list[str]:
    """Block the network. The tool can still read all files of this user."""
    return [shutil.which("unshare") or "unshare", "--user", "--map-current-user", "--net"]


def nothing(_reads: Sequence[Path], _folder: Path) -> list[str]:
    """Add no isolation. Only the limits apply."""
    return []
