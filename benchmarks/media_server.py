"""What ``benchmarks.media`` asks: one blob under ``/plain`` and, encrypted, under ``/sealed``.

It reads ``MEDIA_FOLDER``, or ``MEDIA_MONGO_URL`` for GridFS, and ``MEDIA_SIZE`` in bytes.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response

from adapters.key_vault.memory import MemoryKeyVault
from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.gridfs import GridFsMediaStore
from adapters.media_store.sealed import SealedMediaStore
from adapters.mongo import connect
from application.ports.media_store import MediaStore
from entrypoints.http.media import media_response
from entrypoints.http.problems import register_problems

PIECE = 1 << 20
KEY = "renditions/film"


def _bare() -> MediaStore:
    if url := os.environ.get("MEDIA_MONGO_URL"):
        return GridFsMediaStore(connect(url, "benchmark"))
    return FilesystemMediaStore(Path(os.environ["MEDIA_FOLDER"]))


def _film() -> Iterator[bytes]:
    size, piece = int(os.environ["MEDIA_SIZE"]), os.urandom(PIECE)
    for start in range(0, size, PIECE):
        yield piece[: size - start]


_plain = _bare()
_plain.write("renditions/plain", _film())
_sealed = SealedMediaStore(_plain, MemoryKeyVault())
_sealed.write(KEY, _film())

app = Flask(__name__)
register_problems(app)


@app.get("/plain")
def plain() -> Response:
    """The blob as the store keeps it."""
    return media_response(_plain, "renditions/plain", "video/mp4", "plain")


@app.get("/sealed")
def sealed() -> Response:
    """The blob, decrypted while it is served."""
    return media_response(_sealed, KEY, "video/mp4", "sealed")
