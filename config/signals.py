"""Notice signals to stop, in addition to the server that handles them."""

import faulthandler
import os
import signal
import socket
from collections.abc import Callable
from threading import Thread

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
NOBODY = -1


def when_told_to_stop(act: Callable[[], None]) -> None:
    """Call ``act`` in a thread soon after a signal to stop.

    A server waits for its open replies, so ``act`` has to end endless ones. The server replaces
    signal handlers set before it starts, hence this uses the descriptor to which Python writes
    signal numbers. The previous descriptor still gets them. Call it in the main thread.
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

    It writes the stack of each thread to standard error. Unfinished work is repeated after the next
    start.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)
