"""Write a blob in a process that is killed in the middle."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.gridfs import GridFsMediaStore
from adapters.mongo import connect
from application.ports.media_store import MediaStore

MEBIBYTE = 1 << 20
BEFORE_THE_END = 60  # mebibytes: more than any adapter keeps in memory


@contextmanager
def opened(kind: str, place: str, name: str = "") -> Iterator[MediaStore]:
    if kind == "filesystem":
        yield FilesystemMediaStore(Path(place))
        return
    database = connect(place, name)
    try:
        yield GridFsMediaStore(database)
    finally:
        database.client.close()


def until_killed() -> Iterator[bytes]:
    for _ in range(BEFORE_THE_END):
        yield bytes(MEBIBYTE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    key, *place = sys.argv[1:]
    with opened(*place) as media:
        media.write(key, until_killed())
