"""Many threads decode the first event of a type at once, as the projections of a process do."""

import subprocess
import sys

PROGRAM = """
import sys
from threading import Barrier, Thread
from typing import Any

import msgspec

from adapters.codec.json import JsonCodec
from domain.catalog import EVENTS

sys.setswitchinterval(1e-6)
together = Barrier(8)


class Cipher:
    def of_event(self, *_): return ()
    def __getattr__(self, _): return lambda *_: ()


def convert(kind):
    together.wait()
    try:
        msgspec.convert(dict.fromkeys(kind.__struct_fields__), kind)
    except msgspec.ValidationError:
        pass


for kind in JsonCodec(EVENTS, Cipher())._mirrors.values():
    threads = [Thread(target=convert, args=(kind,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_that_use_a_type_first_at_once_do_not_crash() -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
