"""Many threads do not make a process large."""

import subprocess
import sys

COUNT_HEAPS = """
import ctypes, sys, threading
from config import heaps

if sys.argv[1] == "shared":
    heaps.share_heaps()
ready = threading.Barrier(17)

def hold() -> None:
    held = bytearray(100_000)
    ready.wait()
    ready.wait()

for _ in range(16):
    threading.Thread(target=hold).start()
ready.wait()
libc = ctypes.CDLL(None)
stdout = ctypes.c_void_p.in_dll(libc, "stdout")
libc.malloc_info(0, stdout)
libc.fflush(stdout)
ready.wait()
"""


def heaps_of(way: str) -> int:
    """How many heaps 16 threads use that each hold memory."""
    command = [sys.executable, "-c", COUNT_HEAPS, way]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("<heap")


def test_threads_share_two_heaps() -> None:
    assert heaps_of("shared") == 2
    assert heaps_of("unshared") > 2
