"""End the processes of this one with it, also when it is killed with SIGKILL."""

import subprocess
from typing import IO, Self, cast

# Told process groups on its standard input, the guardian kills the last ones when the input ends.
# Nothing is lost: a service may be killed at any step. It holds the lock on the folder meanwhile.
SCRIPT = """
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group"; done
"""


class Guardian:
    """Kills the process groups that it knows as soon as this process has ended in any way.

    ``keeps`` is an open file that stays open until then.
    """

    def __init__(self, keeps: IO[str]) -> None:
        self._groups: set[int] = set()
        self._process = subprocess.Popen(  # noqa: S603 -- the command contains no input of users
            ["/bin/sh", "-c", SCRIPT],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
            pass_fds=[keeps.fileno()],
        )

    def watch(self, group: int) -> None:
        """Kill this group too."""
        self._groups.add(group)
        self._tell()

    def forget(self, group: int) -> None:
        """Do not kill this group any more: it has ended, and another may get its number."""
        self._groups.discard(group)
        self._tell()

    def _tell(self) -> None:
        line = " ".join(map(str, self._groups))
        cast("IO[bytes]", self._process.stdin).write(f"{line}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        cast("IO[bytes]", self._process.stdin).close()
        self._process.wait()
