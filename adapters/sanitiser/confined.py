"""Run a command under limits: ``python -m adapters.sanitiser.confined CPU MEMORY FILE command``.

CPU is in seconds; MEMORY (address space) and FILE (largest file written) are in bytes. The limits
are set in this process, because running code between fork and exec is unsafe in a threaded parent.
"""

import ctypes
import os
import resource
import signal
import sys

from adapters.sanitiser.refusals import OUR_FAULT

# At the soft limit a signal reports that the CPU time is used up; at the hard one comes SIGKILL.
GRACE = 2
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


def main(arguments: list[str]) -> None:
    cpu, memory, file_size = map(int, arguments[:3])
    limit(resource.RLIMIT_CPU, cpu, cpu + GRACE)
    limit(resource.RLIMIT_FSIZE, file_size)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_AS, memory)
    # Python ignores this signal, and the command would inherit that.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if sys.platform == "linux":
        die_with_parent()
    try:
        os.execv(arguments[3], arguments[3:])  # noqa: S606 -- without a shell on purpose
    except OSError:
        sys.exit(OUR_FAULT)


def limit(what: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit, unless it is lower already."""
    most = resource.getrlimit(what)[1]
    values = (soft, soft if hard is None else hard)
    if most != resource.RLIM_INFINITY:
        values = (min(values[0], most), min(values[1], most))
    resource.setrlimit(what, values)


def die_with_parent() -> None:
    """Have the command killed when its parent ends. This survives exec."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
