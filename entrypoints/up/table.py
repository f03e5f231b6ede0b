"""Show the programs that run."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psutil

from entrypoints.up.supervisor import Managed

HEAD = ("service", "address", "ready", "after", "memory", "behind")
MEGABYTE = 1_000_000
AT_ONCE = 4


def table(kept: Sequence[Managed]) -> str:
    """Return a line for each program: whether it is ready, and how many events wait for it."""
    with ThreadPoolExecutor(AT_ONCE) as asking:
        lines = list(asking.map(_line, kept))
    total = sum(memory for *_, memory in lines)
    rows = [HEAD, *(cells for cells, _ in lines), ("", "", "", "", _megabytes(total), "")]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    return "\n".join(_aligned(row, widths) for row in rows)


def _line(kept: Managed) -> tuple[tuple[str, ...], int]:
    program, memory = kept.program, _memory(kept.group)
    ready = kept.group is not None and program.answers()
    lag = program.lag() if ready else None
    cells = (
        program.name,
        program.address,
        "yes" if ready else "no",
        f"{kept.seconds_to_ready:.0f} s" if kept.seconds_to_ready is not None else "",
        _megabytes(memory),
        "" if lag is None else str(lag),
    )
    return cells, memory


def _memory(group: int | None) -> int:
    """Return the bytes that the processes of the group use. Shared memory is divided among them."""
    total = 0
    for process in psutil.process_iter() if group else ():
        try:
            if os.getpgid(process.pid) == group:
                total += process.memory_full_info().pss
        except (psutil.Error, ProcessLookupError):
            continue  # it has ended
    return total


def _megabytes(number: int) -> str:
    return f"{number / MEGABYTE:.0f} MB"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
