"""Runs a command under limits: ``python -m adapters.sanitiser.confined CPU MEMORY FILE command``.

CPU is in seconds, MEMORY (address space) and FILE (largest file written) in bytes. The limits are
set here, in a process of its own, because code between fork and exec is unsafe in a threaded
parent.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38


def main(arguments: list[str]) -> None:
    cpu, memory, file_size = map(int, arguments[:3])
    limit(resource.RLIMIT_CPU, cpu)
    limit(resource.RLIMIT_FSIZE, file_size)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_AS, memory)
    # Python ignores this signal, and what is ignored stays so in the command.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if sys.platform == "linux":
        die_with_parent()
    os.execv(arguments[3], arguments[3:])  # noqa: S606 -- no shell is what we want


def limit(what: int, value: int) -> None:
    """Lower a limit; one that is lower already stays."""
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def die_with_parent() -> None:
    """Survives exec: the command is killed when whoever waits for it is gone."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
