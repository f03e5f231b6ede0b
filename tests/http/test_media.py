"""Serving blobs: whole, in ranges, and only if the client does not have them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from adapters.key_vault.memory import MemoryKeyVault
from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.frames import FRAME
from adapters.media_store.sealed import SealedMediaStore
from application.ports.media_store import MediaDamaged
from entrypoints.http.media import media_response
from entrypoints.http.problems import register_problems
from tests.http.conftest import problem

CONTENT = bytes(range(256)) * 1000
SIZE = len(CONTENT)


class Stores:
    """A sealed store, the one behind it, and the keys."""

    def __init__(self, folder: Path) -> None:
        self.vault = MemoryKeyVault()
        self.bare = FilesystemMediaStore(folder)
        self.sealed = SealedMediaStore(self.bare, self.vault)
        self.sealed.write("renditions/e1", iter([CONTENT]))
        self.sealed.write("renditions/empty", iter([]))

    def tamper(self, change: Callable[[bytearray], object]) -> None:
        """Change the stored bytes of e1."""
        stored = bytearray(b"".join(self.bare.open("renditions/e1").read()))
        change(stored)
        self.bare.write("renditions/e1", iter([bytes(stored)]))


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores(tmp_path)


@pytest.fixture
def client(stores: Stores) -> Iterator[FlaskClient]:
    app = Flask("media")
    register_problems(app)

    @app.get("/<name>")
    def content(name: str) -> Response:
        return media_response(stores.sealed, f"renditions/{name}", "video/mp4", "abc")

    with app.test_client() as client:
        yield client


def test_a_whole_blob_is_served(client: FlaskClient) -> None:
    reply = client.get("/e1")
    assert (reply.status_code, reply.data) == (200, CONTENT)
    assert reply.content_length == SIZE
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["ETag"] == '"abc"'


def test_headers_prevent_browsers_from_running_a_blob(client: FlaskClient) -> None:
    headers = client.get("/e1").headers
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Disposition"] == "inline"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert headers["Content-Security-Policy"] == "sandbox"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99999", 0, 100_000),
        ("bytes=70000-70009", 70_000, 70_010),
        ("bytes=100000-", 100_000, SIZE),
        ("bytes=-10", SIZE - 10, SIZE),
        (f"bytes=5-{10 * SIZE}", 5, SIZE),
        (f"bytes=-{10 * SIZE}", 0, SIZE),
    ],
)
def test_a_range_is_served(client: FlaskClient, asked: str, start: int, stop: int) -> None:
    reply = client.get("/e1", headers={"Range": asked})
    assert (reply.status_code, reply.data) == (206, CONTENT[start:stop])
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert reply.content_length == stop - start
    assert reply.headers["ETag"] == '"abc"'


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}"])
def test_a_range_beyond_the_end_is_refused(client: FlaskClient, asked: str) -> None:
    reply = client.get("/e1", headers={"Range": asked})
    assert reply.status_code == 416
    assert reply.json is not None
    assert reply.json["type"] == "/problems/range-not-satisfiable"
    assert reply.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "pages=1-2", "bytes=b-a", "bytes=9-3", "x"])
def test_an_unsupported_range_is_answered_with_the_whole_blob(
    client: FlaskClient, asked: str
) -> None:
    reply = client.get("/e1", headers={"Range": asked})
    assert (reply.status_code, reply.data) == (200, CONTENT)


def test_head_returns_the_headers_without_the_content(client: FlaskClient) -> None:
    reply = client.head("/e1", headers={"Range": "bytes=0-9"})
    assert (reply.status_code, reply.data) == (200, b"")
    assert reply.content_length == SIZE
    assert reply.headers["ETag"] == '"abc"'


@pytest.mark.parametrize("known", ['"abc"', 'W/"abc"', '"x", "abc"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_known_blob_is_answered_with_304(client: FlaskClient, known: str, method: str) -> None:
    asked = {"If-None-Match": known, "Range": "bytes=0-9"}
    reply = client.open("/e1", method=method, headers=asked)
    assert (reply.status_code, reply.data) == (304, b"")
    assert reply.headers["ETag"] == '"abc"'


def test_a_blob_with_another_etag_is_sent(client: FlaskClient) -> None:
    assert client.get("/e1", headers={"If-None-Match": '"other"'}).data == CONTENT


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('"abc"', 206),
        ('"other"', 200),
        ('W/"abc"', 200),
        ("Sun, 01 Mar 2026 12:00:00 GMT", 200),
    ],
)
def test_a_range_of_an_outdated_blob_is_answered_with_the_whole_blob(
    client: FlaskClient, condition: str, status: int
) -> None:
    reply = client.get("/e1", headers={"Range": "bytes=0-9", "If-Range": condition})
    assert reply.status_code == status


def test_an_empty_blob_is_served(client: FlaskClient) -> None:
    reply = client.get("/empty")
    assert (reply.status_code, reply.data, reply.content_length) == (200, b"", 0)
    assert client.get("/empty", headers={"Range": "bytes=0-"}).status_code == 416


def test_a_missing_blob_is_not_found(client: FlaskClient, stores: Stores) -> None:
    stores.sealed.delete("renditions/e1")
    assert problem(client.get("/e1")) == (404, "not-found")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=5-9"}, {"If-None-Match": '"abc"'}])
def test_a_blob_with_a_destroyed_key_is_gone(
    client: FlaskClient, stores: Stores, method: str, headers: dict[str, str]
) -> None:
    stores.vault.destroy("evidence/e1")
    assert client.open("/e1", method=method, headers=headers).status_code == 410
    assert problem(client.get("/e1", headers=headers)) == (410, "erased")


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-9", f"bytes={SIZE - 9}-", "bytes=70000-"])
def test_a_truncated_blob_is_not_served(client: FlaskClient, stores: Stores, asked: str) -> None:
    stores.tamper(lambda stored: stored.__delitem__(slice(-100, -50)))
    assert problem(client.get("/e1", headers={"Range": asked})) == (500, "damaged")
    assert client.head("/e1").status_code == 500


def test_a_changed_frame_is_not_served_and_the_others_are(
    client: FlaskClient, stores: Stores
) -> None:
    stores.tamper(lambda stored: stored.__setitem__(70_000, stored[70_000] ^ 1))
    assert problem(client.get("/e1", headers={"Range": "bytes=70000-70009"})) == (500, "damaged")
    assert client.get("/e1", headers={"Range": "bytes=0-9"}).data == CONTENT[:10]
    assert client.get("/e1", headers={"Range": "bytes=200000-"}).data == CONTENT[200_000:]


def test_a_reply_is_aborted_at_a_changed_frame(client: FlaskClient, stores: Stores) -> None:
    stores.tamper(lambda stored: stored.__setitem__(70_000, stored[70_000] ^ 1))
    reply = client.get("/e1", buffered=False)
    assert (reply.status_code, reply.content_length) == (200, SIZE)
    chunks = reply.iter_encoded()
    assert next(chunks) == CONTENT[:FRAME]
    with pytest.raises(MediaDamaged):
        next(chunks)
