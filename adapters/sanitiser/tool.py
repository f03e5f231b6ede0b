"""Inside the sandbox: ``python -m adapters.sanitiser.tool MODULE ARGUMENTS`` renders one file.

It exits with 0, with a Refusal, or with OUR_FAULT. Decoders of a hostile file can raise anything,
so any other error is attributed to the file.
"""

import errno
import signal
import sys
from importlib import import_module

from adapters.sanitiser.refusals import OUR_FAULT, Refusal

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: list[str]) -> int:
    module, *rest = arguments
    try:
        draw = import_module(f"adapters.sanitiser.{module}").draw
    except Exception:  # noqa: BLE001 -- no file was opened yet, so the fault is not the file's
        return OUR_FAULT
    try:
        return int(draw(*rest))
    except MemoryError:
        return Refusal.TOO_LARGE
    except OSError as error:
        return OUR_FAULT if error.errno in NO_ROOM else Refusal.DAMAGED
    except Exception:  # noqa: BLE001 -- see above
        return Refusal.DAMAGED


if __name__ == "__main__":
    # Python ignores this signal; then a too large file would look like any other error.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
