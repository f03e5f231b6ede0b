"""Serving blobs: whole, in ranges, and not again to whoever has them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from adapters.media_store.filesystem import FilesystemMediaStore
from entrypoints.http.media import media_response
from entrypoints.http.problems import register_problems

CONTENT = bytes(range(256)) * 1000
SIZE = len(CONTENT)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    store = FilesystemMediaStore(tmp_path)
    store.write("renditions/e1", iter([CONTENT]))
    store.write("renditions/empty", iter([]))
    app = Flask("media")
    register_problems(app)

    @app.get("/<name>")
    def content(name: str) -> Response:
        return media_response(store, f"renditions/{name}", "video/mp4", "abc")

    with app.test_client() as client:
        yield client


def test_all_of_it_is_served(client: FlaskClient) -> None:
    reply = client.get("/e1")
    assert (reply.status_code, reply.data) == (200, CONTENT)
    assert reply.content_length == SIZE
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["ETag"] == '"abc"'


def test_no_browser_runs_it_or_takes_it_for_something_else(client: FlaskClient) -> None:
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
def test_a_range_beyond_the_end_is_a_problem(client: FlaskClient, asked: str) -> None:
    reply = client.get("/e1", headers={"Range": asked})
    assert reply.status_code == 416
    assert reply.json is not None
    assert reply.json["type"] == "/problems/range-not-satisfiable"
    assert reply.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "pages=1-2", "bytes=b-a", "bytes=9-3", "x"])
def test_what_is_no_single_range_of_bytes_is_answered_with_all(
    client: FlaskClient, asked: str
) -> None:
    reply = client.get("/e1", headers={"Range": asked})
    assert (reply.status_code, reply.data) == (200, CONTENT)


def test_head_tells_the_same_without_the_content(client: FlaskClient) -> None:
    reply = client.head("/e1", headers={"Range": "bytes=0-9"})
    assert (reply.status_code, reply.data) == (200, b"")
    assert reply.content_length == SIZE
    assert reply.headers["ETag"] == '"abc"'


@pytest.mark.parametrize("known", ['"abc"', 'W/"abc"', '"x", "abc"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_has_it_is_not_sent_it_again(client: FlaskClient, known: str, method: str) -> None:
    asked = {"If-None-Match": known, "Range": "bytes=0-9"}
    reply = client.open("/e1", method=method, headers=asked)
    assert (reply.status_code, reply.data) == (304, b"")
    assert reply.headers["ETag"] == '"abc"'


def test_whoever_has_another_is_sent_it(client: FlaskClient) -> None:
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
def test_a_range_of_something_else_by_now_is_answered_with_all(
    client: FlaskClient, condition: str, status: int
) -> None:
    reply = client.get("/e1", headers={"Range": "bytes=0-9", "If-Range": condition})
    assert reply.status_code == status


def test_an_empty_blob_is_served(client: FlaskClient) -> None:
    reply = client.get("/empty")
    assert (reply.status_code, reply.data, reply.content_length) == (200, b"", 0)
    assert client.get("/empty", headers={"Range": "bytes=0-"}).status_code == 416


def test_what_is_not_there_is_a_problem(client: FlaskClient) -> None:
    reply = client.get("/nothing")
    assert reply.status_code == 404
    assert reply.json is not None
    assert reply.json["type"] == "/problems/not-found"
