"""Running a tool on a file that may be hostile: without network, secrets, or time without end."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

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

Isolation = Callable[[Sequence[Path], Path], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``seconds`` of wall clock, and bytes of ``memory`` (address space) and of a file written."""

    seconds: float
    memory: int = 4 << 30
    file_size: int = 2 << 30

    @property
    def cpu_seconds(self) -> int:
        return int(self.seconds * (os.cpu_count() or 1)) + 1


class ToolFailed(Exception):
    """The tool gave up with this exit status; negative for the signal that killed it."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status


class TookTooLong(Exception):
    """The tool and all its children were killed when the time was over."""


def run(command: Sequence[str], reads: Path, folder: Path, limits: Limits) -> bytes:
    """What the command writes to standard output, the first MiB of it.

    It sees the file it ``reads``, and the ``folder`` it works and may write in.
    Raises ToolFailed, TookTooLong; SanitiserUnavailable when nothing runs in the sandbox.
    """
    isolate = isolation()
    isolated = isolate([reads, Path(command[0]).parent], folder)
    confined = confine(command, limits)
    with TemporaryFile() as reply:
        status = _wait([*isolated, *confined], folder, limits.seconds, reply.fileno())
        if status != 0:
            _require_that_it_works(isolate)
            raise ToolFailed(status)
        reply.seek(0)
        return reply.read(LARGEST_REPLY)


def confine(command: Sequence[str], limits: Limits) -> list[str]:
    numbers = (limits.cpu_seconds, limits.memory, limits.file_size)
    return [*PYTHON, "adapters.sanitiser.confined", *map(str, numbers), *command]


def _wait(command: Sequence[str], folder: Path, seconds: float, reply: int) -> int:
    # What tools complain about may quote the file's metadata: it goes nowhere.
    with subprocess.Popen(  # noqa: S603 -- the command is ours; nothing in it comes from users
        command,
        cwd=folder,
        env=ENVIRONMENT,
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


@cache
def isolation() -> Isolation:
    """The strongest isolation that works here; a weaker one than bubblewrap is logged, once."""
    for candidate in (bubblewrap, namespaces):
        if _works(candidate):
            if candidate is namespaces:
                log.warning("bubblewrap does not work here: media tools can read all files")
            return candidate
    log.warning("no isolation works here: media tools can use the network and read all files")
    return nothing


def _require_that_it_works(isolate: Isolation) -> None:
    """A machine short of processes or memory must not look like a damaged file."""
    if not _works(isolate):
        raise SanitiserUnavailable("nothing can be run in the sandbox")


def _works(candidate: Isolation) -> bool:
    with TemporaryDirectory(prefix="klarity-") as name:
        folder = Path(name)
        check = confine([sys.executable, "-c", ""], Limits(seconds=60))
        try:
            with TemporaryFile() as reply:
                return _wait([*candidate([], folder), *check], folder, 60, reply.fileno()) == 0
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
