"""Uploads with a real tus client over real connections."""

import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from hashlib import md5, sha1, sha256
from io import BytesIO
from operator import eq
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask
from tusclient.client import TusClient
from tusclient.exceptions import TusUploadFailed
from werkzeug.serving import make_server

from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.sealed import SealedMediaStore
from adapters.opaque_texts import SivTexts
from adapters.uploads.memory import MemoryUploads
from application.ports.uploads import Quota
from application.use_cases.evidence.media import DestroyMedia, original_key
from application.use_cases.evidence.uploads import ReceiveUploads
from domain.ids import MediaKind
from domain.members.member import Member
from entrypoints.http.problems import ProblemApi, register_problems
from entrypoints.http.requests import Requests, identify_request, read_claims
from entrypoints.http.uploads import uploads_blueprint
from tests.world import World

CONTENT = b"good" + bytes(range(256)) * 2000  # 512,004 bytes
LENGTH = len(CONTENT)
LARGEST = 1_000_000
QUOTA = Quota(pieces=200, size=200 * LARGEST)
PATIENCE = 60.0
OCTETS = "application/offset+octet-stream"


class Tokens:
    """Tokens that are members' ids."""

    def read(self, token: str) -> tuple[str, str] | None:
        return (token, "session") if token else None


class Recogniser:
    """Takes what begins with "good"."""

    media_types: ClassVar = {MediaKind.VIDEO: ("video/mp4",)}

    def recognise(self, head: bytes) -> tuple[MediaKind, str] | None:
        return (MediaKind.VIDEO, "video/mp4") if head.startswith(b"good") else None


class Server:
    """The blueprint in a minimal app, and what is behind it."""

    def __init__(self, folder: Path, quota: Quota = QUOTA) -> None:
        self.world = World()
        self.anna = self.world.member("Anna").member_id
        self.ben = self.world.member("Ben").member_id
        self.media = SealedMediaStore(FilesystemMediaStore(folder), self.world.vault)
        recogniser: Any = Recogniser()
        states = MemoryUploads()
        self.uploads = ReceiveUploads(
            uploads=states,
            media=self.media,
            sanitiser=recogniser,
            evidence=self.world.executors.evidence,
            destroy=DestroyMedia(self.world.vault, self.media, states),
            aliases=self.world.container.aliases(),
            is_erased=self.world.is_erased,
            clock=self.world.clock,
            largest=LARGEST,
            quota=quota,
        )
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.port}"
        self.url = f"{self.origin}/v1/uploads"

    def _app(self) -> Flask:
        tokens: Any = Tokens()
        known = Requests(self._signed_in, eq, bytes(32), SivTexts(bytes(32)), self.world.clock)
        app = Flask("uploads")
        app.config.update(
            API_TITLE="t", API_VERSION="1", OPENAPI_VERSION="3.1.0", TOKEN_KEY=bytes(32)
        )
        app.before_request(identify_request)
        app.before_request(partial(read_claims, tokens))
        ProblemApi(app).register_blueprint(uploads_blueprint(self.uploads, known))
        register_problems(app)
        return app

    def _signed_in(self, member_id: str, _: str) -> Member | None:
        member = self.world.executors.members.load(member_id).state
        return member if member.registered_at and not member.erased else None

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def call(
        self, method: str, path: str = "", body: bytes | None = None, by: str = "", **headers: Any
    ) -> requests.Response:
        """One request; header names are written with underscores, and None leaves one out."""
        sent = {
            "Tus-Resumable": "1.0.0",
            "Authorization": f"Bearer {by or self.anna}",
            **{name.replace("_", "-"): str(value) for name, value in headers.items()},
        }
        url = f"{self.origin}{path}" if path.startswith("/") else f"{self.url}{path}"
        kept = {name: value for name, value in sent.items() if value != "None"}
        return requests.request(method, url, data=body, headers=kept, timeout=PATIENCE)

    def patch(self, path: str, body: bytes, offset: int, **headers: Any) -> requests.Response:
        return self.call("PATCH", path, body, Content_Type=OCTETS, Upload_Offset=offset, **headers)

    def begin(self, length: int = LENGTH, **headers: Any) -> str:
        reply = self.call("POST", Upload_Length=length, **headers)
        assert reply.status_code == 201, reply.text
        return reply.headers["Location"]

    def offset(self, path: str) -> int:
        reply = self.call("HEAD", path)
        assert reply.status_code == 200
        return int(reply.headers["Upload-Offset"])

    def client(self) -> TusClient:
        return TusClient(self.url, headers={"Authorization": f"Bearer {self.anna}"})

    def original(self, path: str) -> bytes:
        return b"".join(self.media.open(original_key(path.rpartition("/")[2])).read())

    def assert_received_once(self, path: str) -> None:
        events = self.world.executors.evidence.events(path.rpartition("/")[2])
        assert len(events) == 1
        assert self.original(path) == CONTENT


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with closing(Server(tmp_path)) as server:
        yield server


class TestQuota:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[Server]:
        quota = Quota(pieces=2, size=2 * LENGTH)
        with closing(Server(tmp_path, quota)) as server:
            yield server

    @pytest.mark.parametrize("body", [b"", CONTENT])
    def test_an_upload_beyond_the_quota_is_answered_with_a_time_to_retry(
        self, server: Server, body: bytes
    ) -> None:
        path = server.begin(LENGTH)
        server.begin(LENGTH)
        refused = server.call("POST", "", body, Upload_Length=LENGTH, Content_Type=OCTETS)
        assert_problem(refused, 429, "upload-quota-reached")
        assert refused.headers["Retry-After"] == str(12 * 3600)
        server.begin(LENGTH, by=server.ben)
        assert server.patch(path, CONTENT, 0).status_code == 204

    def test_repeating_a_request_does_not_count_against_the_quota(self, server: Server) -> None:
        server.begin(LENGTH)
        first, again = (server.begin(LENGTH, Idempotency_Key="one") for _ in range(2))
        assert first == again


def assert_problem(reply: requests.Response, status: int, code: str) -> None:
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json()["type"] == f"/problems/{code}"
    assert reply.headers["Tus-Resumable"] == "1.0.0"


class TestWithTheTusClient:
    @pytest.mark.parametrize("chunk", [100_000, LENGTH, 10 * LENGTH])
    @pytest.mark.parametrize("checksum", [False, True])
    def test_a_video_is_uploaded_in_chunks(
        self, server: Server, chunk: int, checksum: bool
    ) -> None:
        uploader = server.client().uploader(
            file_stream=BytesIO(CONTENT),
            chunk_size=chunk,
            upload_checksum=checksum,
            metadata={"filename": "my neighbour.mp4"},
        )
        uploader.upload()
        server.assert_received_once(str(uploader.url))
        assert list(server.media.keys("uploads/")) == []

    def test_a_new_client_continues_where_another_stopped(self, server: Server) -> None:
        first = server.client().uploader(file_stream=BytesIO(CONTENT), chunk_size=100_000)
        first.upload(stop_at=200_000)
        second = server.client().uploader(
            file_stream=BytesIO(CONTENT), chunk_size=150_000, url=first.url
        )
        assert second.offset == 200_000
        second.upload()
        server.assert_received_once(str(first.url))

    def test_a_file_of_an_unknown_type_is_refused(self, server: Server) -> None:
        uploader = server.client().uploader(file_stream=BytesIO(b"bad" * 1000))
        with pytest.raises(TusUploadFailed) as failure:
            uploader.upload()
        assert failure.value.status_code == 415
        assert server.call("HEAD", urlsplit(str(uploader.url)).path).status_code == 404

    def test_an_interrupted_request_keeps_the_bytes_that_arrived(self, server: Server) -> None:
        path = server.begin()
        cut_off(server, path, CONTENT[:300_000])
        wait_for(server, path, 300_000)
        rest = server.client().uploader(file_stream=BytesIO(CONTENT), url=server.origin + path)
        rest.upload()
        server.assert_received_once(path)

    def test_an_interrupted_request_with_a_checksum_keeps_no_bytes(self, server: Server) -> None:
        path = server.begin()
        cut_off(server, path, CONTENT[:300_000], checksum("sha1", CONTENT))
        assert server.offset(path) == 0
        assert server.patch(path, CONTENT, 0).status_code == 204
        server.assert_received_once(path)


class TestCreating:
    def test_the_reply_holds_location_and_expiry(self, server: Server) -> None:
        reply = server.call("POST", Upload_Length=LENGTH)
        assert reply.status_code == 201
        assert reply.headers["Location"].startswith("/v1/uploads/")
        assert reply.headers["Upload-Offset"] == "0"
        assert reply.headers["Upload-Expires"] == "Sun, 08 Mar 2026 12:00:00 GMT"
        assert "Klarity-Token" not in reply.headers

    def test_creation_can_carry_the_first_bytes(self, server: Server) -> None:
        reply = server.call("POST", "", CONTENT[:10], Upload_Length=LENGTH, Content_Type=OCTETS)
        assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, "10")
        path = reply.headers["Location"]
        assert server.patch(path, CONTENT[10:], 10).status_code == 204
        server.assert_received_once(path)

    def test_creation_can_carry_all_bytes(self, server: Server) -> None:
        reply = server.call("POST", "", CONTENT, Upload_Length=LENGTH, Content_Type=OCTETS)
        assert reply.headers["Upload-Offset"] == str(LENGTH)
        assert reply.headers["Klarity-Token"]
        server.assert_received_once(reply.headers["Location"])

    def test_an_idempotency_key_finds_the_same_upload(self, server: Server) -> None:
        sent: dict[str, Any] = {
            "Upload_Length": LENGTH,
            "Idempotency_Key": "k",
            "Content_Type": OCTETS,
        }
        first = server.call("POST", "", CONTENT[:10], **sent)
        second = server.call("POST", "", CONTENT[:10], **sent)
        other = server.call("POST", "", CONTENT[:10], by=server.ben, **sent)
        assert first.headers["Location"] == second.headers["Location"]
        assert first.headers["Location"] != other.headers["Location"]
        assert second.headers["Upload-Offset"] == "10"
        changed = server.call("POST", Upload_Length=5, Idempotency_Key="k")
        assert_problem(changed, 422, "idempotency-key-reused")

    @pytest.mark.parametrize("length", ["None", "-1", "x", "0", "1e3", "9" * 5000, "²"])
    def test_an_invalid_length_is_refused(self, server: Server, length: str) -> None:
        assert_problem(server.call("POST", Upload_Length=length), 400, "malformed")

    def test_a_length_beyond_the_limit_is_refused(self, server: Server) -> None:
        assert_problem(server.call("POST", Upload_Length=LARGEST + 1), 413, "too-large")

    def test_another_content_type_is_refused(self, server: Server) -> None:
        reply = server.call("POST", "", b"{}", Upload_Length=2, Content_Type="application/json")
        assert_problem(reply, 415, "unsupported-media-type")

    @pytest.mark.parametrize("length", [10, 5_000])
    def test_an_idempotency_key_can_be_used_again_after_a_refused_file(
        self, server: Server, length: int
    ) -> None:
        sent: dict[str, Any] = {
            "Upload_Length": length,
            "Idempotency_Key": "k",
            "Content_Type": OCTETS,
        }
        for _ in range(2):
            reply = server.call("POST", "", b"?" * length, **sent)
            assert_problem(reply, 415, "unsupported-media-type")
        taken = server.call("POST", "", CONTENT[:length], **sent)
        assert (taken.status_code, taken.headers["Upload-Offset"]) == (201, str(length))

    def test_a_damaged_head_fails_its_checksum_and_an_unknown_type_is_refused(
        self, server: Server
    ) -> None:
        unknown = b"?" + CONTENT[1:]
        sent: dict[str, Any] = {"Upload_Length": LENGTH, "Content_Type": OCTETS}
        damaged = server.call(
            "POST", "", unknown, Upload_Checksum=checksum("sha1", CONTENT), **sent
        )
        assert_problem(damaged, 460, "checksum-mismatch")
        whole = server.call("POST", "", unknown, Upload_Checksum=checksum("sha1", unknown), **sent)
        assert_problem(whole, 415, "unsupported-media-type")


class TestAppending:
    def test_the_last_bytes_return_a_consistency_token(self, server: Server) -> None:
        path = server.begin()
        first = server.patch(path, CONTENT[:10], 0)
        assert (first.status_code, first.headers["Upload-Offset"]) == (204, "10")
        assert "Klarity-Token" not in first.headers
        last = server.patch(path, CONTENT[10:], 10)
        assert last.headers["Klarity-Token"]
        again = server.patch(path, b"", LENGTH)
        assert again.headers["Klarity-Token"] == last.headers["Klarity-Token"]
        server.assert_received_once(path)

    @pytest.mark.parametrize("offset", [0, 9, 11, LENGTH])
    def test_a_wrong_offset_is_refused(self, server: Server, offset: int) -> None:
        path = server.begin()
        server.patch(path, CONTENT[:10], 0)
        assert_problem(server.patch(path, b"x", offset), 409, "wrong-offset")
        assert server.offset(path) == 10

    @pytest.mark.parametrize("offset", ["None", "", "-1", "ten"])
    def test_an_invalid_offset_is_refused(self, server: Server, offset: str) -> None:
        reply = server.call(
            "PATCH", server.begin(), b"x", Content_Type=OCTETS, Upload_Offset=offset
        )
        assert_problem(reply, 400, "malformed")

    def test_more_bytes_than_announced_are_refused(self, server: Server) -> None:
        path = server.begin(5)
        assert_problem(server.patch(path, b"good bytes", 0), 413, "too-large")
        assert server.offset(path) == 0

    def test_another_content_type_is_refused(self, server: Server) -> None:
        path = server.begin()
        reply = server.call("PATCH", path, b"x", Content_Type="video/mp4", Upload_Offset=0)
        assert_problem(reply, 415, "unsupported-media-type")

    @pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
    def test_bytes_are_accepted_if_they_match_their_checksum(
        self, server: Server, algorithm: str
    ) -> None:
        path = server.begin()
        right = checksum(algorithm, CONTENT[:100_000])
        wrong = server.patch(path, CONTENT[:99_999] + b"?", 0, Upload_Checksum=right)
        assert_problem(wrong, 460, "checksum-mismatch")
        assert server.offset(path) == 0
        reply = server.patch(path, CONTENT[:100_000], 0, Upload_Checksum=right)
        assert reply.status_code == 204
        assert server.offset(path) == 100_000

    @pytest.mark.parametrize("given", ["", "sha1", "crc32 AAAA", "sha1 ???", "SHA1 AAAA"])
    def test_an_invalid_checksum_is_refused(self, server: Server, given: str) -> None:
        path = server.begin()
        reply = server.patch(path, b"x", 0, Upload_Checksum=given)
        assert reply.status_code in (400, 460)
        assert server.offset(path) == 0

    def test_a_body_without_a_length_is_accepted(self, server: Server) -> None:
        path = server.begin()
        pieces: Any = iter([CONTENT[:5000], CONTENT[5000:]])
        assert server.patch(path, pieces, 0).headers["Upload-Offset"] == str(LENGTH)
        server.assert_received_once(path)


class TestStatus:
    def test_the_offset_is_returned_and_not_cached(self, server: Server) -> None:
        path = server.begin()
        server.patch(path, CONTENT[:10], 0)
        reply = server.call("HEAD", path)
        told = {name: reply.headers[name] for name in ("Upload-Offset", "Upload-Length")}
        assert told == {"Upload-Offset": "10", "Upload-Length": str(LENGTH)}
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Upload-Expires"]

    def test_the_upload_of_another_member_is_not_found(self, server: Server) -> None:
        path = server.begin()
        assert server.call("HEAD", path, by=server.ben).status_code == 404
        assert_problem(server.patch(path, b"x", 0, by=server.ben), 404, "not-found")
        assert_problem(server.call("DELETE", path, by=server.ben), 404, "not-found")
        assert server.offset(path) == 0

    def test_an_expired_upload_is_gone(self, server: Server) -> None:
        path = server.begin()
        server.patch(path, CONTENT[:10], 0)
        server.world.clock.wind(days=7)
        assert server.call("HEAD", path).status_code == 410
        assert_problem(server.patch(path, CONTENT[10:], 10), 410, "erased")
        server.uploads.sweep()
        assert server.call("HEAD", path).status_code == 404
        assert list(server.media.keys("")) == []


class TestEnding:
    def test_a_terminated_upload_is_gone(self, server: Server) -> None:
        path = server.begin()
        server.patch(path, CONTENT[:10], 0)
        assert server.call("DELETE", path).status_code == 204
        assert server.call("HEAD", path).status_code == 404
        assert_problem(server.call("DELETE", path), 404, "not-found")
        assert list(server.media.keys("")) == []

    def test_terminating_a_finished_upload_is_refused(self, server: Server) -> None:
        path = server.begin()
        server.patch(path, CONTENT, 0)
        assert_problem(server.call("DELETE", path), 409, "already-received")
        server.assert_received_once(path)


class TestTheProtocol:
    @pytest.mark.parametrize("path", ["", "/v1/uploads/00000000-0000-4000-8000-000000000000"])
    def test_options_lists_version_and_extensions(self, server: Server, path: str) -> None:
        reply = server.call("OPTIONS", path, Authorization=None, Tus_Resumable=None)
        assert reply.status_code == 204
        assert reply.headers["Tus-Version"] == "1.0.0"
        assert reply.headers["Tus-Max-Size"] == str(LARGEST)
        assert reply.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"
        assert set(reply.headers["Tus-Extension"].split(",")) == {
            "creation",
            "creation-with-upload",
            "checksum",
            "expiration",
            "termination",
        }

    @pytest.mark.parametrize("version", [None, "0.2.2", "2.0.0"])
    def test_another_version_of_the_protocol_is_refused(
        self, server: Server, version: str | None
    ) -> None:
        reply = server.call("POST", Upload_Length=5, Tus_Resumable=version)
        assert_problem(reply, 412, "unsupported-tus-version")
        assert reply.headers["Tus-Version"] == "1.0.0"

    def test_uploading_without_signing_in_is_refused(self, server: Server) -> None:
        reply = server.call("POST", Upload_Length=5, Authorization=None)
        assert_problem(reply, 401, "not-signed-in")

    def test_the_method_can_be_overridden_in_a_post(self, server: Server) -> None:
        path = server.begin()

        def post(method: str, body: bytes = b"", **headers: Any) -> requests.Response:
            return server.call("POST", path, body, X_HTTP_Method_Override=method, **headers)

        reply = post("PATCH", CONTENT[:10], Upload_Offset=0, Content_Type=OCTETS)
        assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, "10")
        assert post("HEAD").headers["Upload-Offset"] == "10"
        assert_problem(post("GET"), 405, "method-not-allowed")
        assert post("DELETE").status_code == 204
        assert server.call("HEAD", path).status_code == 404


def checksum(algorithm: str, content: bytes) -> str:
    digest = {"sha1": sha1, "sha256": sha256, "md5": md5}[algorithm](content)
    return f"{algorithm} {b64encode(digest.digest()).decode()}"


def cut_off(server: Server, path: str, sent: bytes, announced: str = "") -> None:
    """Announce the whole, send some, and hang up."""
    lines = [
        f"PATCH {path} HTTP/1.1",
        "Host: klarity",
        f"Authorization: Bearer {server.anna}",
        "Tus-Resumable: 1.0.0",
        "Upload-Offset: 0",
        f"Content-Type: {OCTETS}",
        f"Content-Length: {LENGTH}",
        *([f"Upload-Checksum: {announced}"] if announced else []),
    ]
    address = urlsplit(server.origin)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + sent)


def wait_for(server: Server, path: str, offset: int) -> None:
    until = time.monotonic() + PATIENCE
    while server.offset(path) != offset:
        assert time.monotonic() < until
        time.sleep(0.02)
