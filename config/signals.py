"""Hearing that the process shall stop, beside whatever server handles the signals."""

import faulthandler
import os
import signal
import socket
from collections.abc import Callable
from threading import Thread

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
NOBODY = -1


def when_told_to_stop(act: Callable[[], None]) -> None:
    """Call ``act`` soon after a signal to stop arrives, in a thread of its own.

    A server waits for the replies in hand, so replies that do not end by themselves must be told.
    It sets handlers of its own after this, hence the descriptor that Python writes signals to; who
    had it before still gets them. Call it in the main thread.
    """
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    before = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        while number := ours.recv(1):
            if number[0] in ENDING:
                act()
            if before != NOBODY:
                os.write(before, number)
        pythons.close()

    Thread(target=listen, name="signals", daemon=True).start()


def end_within(seconds: float) -> None:
    """Exit with status 1 after so many seconds, unless the process has ended by then.

    Standard error then tells where each thread stood. What is not finished is done again after the
    next start.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)
