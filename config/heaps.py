"""The memory that threads take from the C library."""

import ctypes

M_ARENA_MAX = -8
"""``malloc.h`` of glibc."""
HEAPS = 2


def share_heaps() -> None:
    """Let all threads take memory from two heaps, before most threads begin.

    glibc gives each thread a heap of its own, up to eight for each core, and returns little of it.
    The search index starts threads at each commit: they grew a server to three times its size.
    Other C libraries have no such limit, and no need of one.
    """
    set_limit = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_limit is not None:
        set_limit(M_ARENA_MAX, HEAPS)
