"""Clients that send or read slowly do not delay others, directly and behind nginx."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from application.system import services
from tests.system.deployment import nginx, one_process, relaxed
from tests.system.phone import Phone, Stream, is_public

pytestmark = pytest.mark.system

SLOW = 40
# Many hosts, as attackers have: nginx lets one have only so many requests under way.
HOSTS = [f"127.0.0.{number}" for number in range(10, 20)]
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
JPEG = b"\xff\xd8\xff\xe0"
HALF_A_HEAD = b"GET /v1/cases HTTP/1.1\r\nHost: x\r\nX-Half: "


@pytest.fixture(scope="module", params=["direct", "nginx"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("slow")
    proxies = "1" if request.param == "nginx" else "0"
    with ExitStack() as stack:
        klarity = stack.enter_context(
            one_process(folder / "klarity", PROXIES=proxies, STREAMS="2", **relaxed())
        )
        if request.param == "direct":
            yield klarity.url
        else:
            addresses = {service.id: f"127.0.0.1:{klarity.port}" for service in services()}
            yield stack.enter_context(nginx(folder / "nginx", addresses))


@pytest.fixture(scope="module")
def phone(url: str) -> Iterator[Phone]:
    with Phone(url) as phone:
        yield phone.join()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of some megabytes: more than the buffers of a socket hold."""
    path = tmp_path_factory.mktemp("photo") / "noise.jpg"
    Image.frombytes("RGB", (2400, 2400), os.urandom(2400 * 2400 * 3)).save(path, quality=95)
    return path


@pytest.fixture
def open_hanging_sockets(url: str) -> Iterator[Callable[[bytes], None]]:
    """Opens many sockets that send these bytes, and then neither send nor read."""
    place = urlsplit(url)
    with ExitStack() as stack:

        def hang(sent: bytes) -> None:
            for number in range(SLOW):
                slow = stack.enter_context(socket.socket())
                slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                slow.bind((HOSTS[number % len(HOSTS)], 0))
                slow.connect((place.hostname, place.port))
                slow.sendall(sent)

        yield hang


def test_others_are_served_beside_idle_sockets(
    phone: Phone, open_hanging_sockets: Callable[[bytes], None]
) -> None:
    open_hanging_sockets(b"")
    assert_others_are_served(phone)


def test_others_are_served_beside_half_sent_heads(
    phone: Phone, open_hanging_sockets: Callable[[bytes], None]
) -> None:
    open_hanging_sockets(HALF_A_HEAD)
    assert_others_are_served(phone)


@pytest.mark.parametrize("size", [200, 200_000])
def test_others_are_served_beside_half_sent_json_bodies(
    phone: Phone, open_hanging_sockets: Callable[[bytes], None], size: int
) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(2 * size)}
    open_hanging_sockets(head("POST", "/v1/members", headers) + b'{"pseudonym": "' + bytes(size))
    assert_others_are_served(phone)


def test_others_are_served_beside_endless_bodies(
    phone: Phone, open_hanging_sockets: Callable[[bytes], None]
) -> None:
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    open_hanging_sockets(head("POST", "/v1/members", headers) + b'5\r\n{"a":\r\n')
    assert_others_are_served(phone)


@pytest.mark.parametrize("size", [100, 200_000])
def test_others_are_served_beside_half_sent_uploads(
    phone: Phone, open_hanging_sockets: Callable[[bytes], None], size: int
) -> None:
    headers = {**TUS, **authorization(phone), "Upload-Length": "5000000"}
    open_hanging_sockets(
        head("POST", "/v1/uploads", {**headers, "Content-Length": "5000000"}) + JPEG + bytes(size)
    )
    assert_others_are_served(phone)


def test_others_are_served_beside_slow_readers(
    phone: Phone, photo: Path, open_hanging_sockets: Callable[[bytes], None]
) -> None:
    evidence_id = phone.upload(photo)
    case_id = phone.report(evidence=[evidence_id]).json()["case_id"]
    assert phone.evidence_when_decided(evidence_id)["status"] == "available"
    phone.case_when(case_id, is_public)
    open_hanging_sockets(head("GET", f"/v1/evidence/{evidence_id}/content", {}))
    assert_others_are_served(phone)
    whole = requests.get(f"{phone.url}/v1/evidence/{evidence_id}/content", timeout=120)
    assert len(whole.content) == int(whole.headers["Content-Length"]) > 4_000_000


def test_others_are_served_beside_slow_readers_of_exports(
    phone: Phone, photo: Path, open_hanging_sockets: Callable[[bytes], None]
) -> None:
    evidence_id = phone.upload(photo)
    assert phone.evidence_when_decided(evidence_id)["status"] == "available"
    story = "\N{BANKNOTE WITH EURO SIGN}" * 20_000
    cases = [phone.report(story=story, evidence=[evidence_id]).json()["case_id"] for _ in range(60)]
    phone.case_when(cases[-1], is_public)
    open_hanging_sockets(head("GET", "/v1/cases.csv", {}))
    assert_others_are_served(phone)
    whole = requests.get(f"{phone.url}/v1/cases.csv", timeout=120)
    assert len(whole.content) > 4_000_000


def assert_others_are_served(phone: Phone) -> None:
    """Everything that others may want meanwhile: questions, commands, uploads, streams."""
    with requests.Session() as others:
        for path in ("/v1/instance", "/v1/cases", "/v1/cases"):
            assert others.get(phone.url + path, timeout=120).status_code == 200
        begun = others.post(
            f"{phone.url}/v1/uploads",
            JPEG + bytes(1_000_000 - len(JPEG)),
            headers={**TUS, **authorization(phone), "Upload-Length": "1000001"},
            timeout=120,
        )
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, "1000000")
    with Stream(phone, tag="none") as stream, Phone(phone.url) as newcomer:
        newcomer.join().report()
        assert stream.text == ""


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: klarity", *map(": ".join, headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def authorization(phone: Phone) -> dict[str, str]:
    return {"Authorization": f"Bearer {phone.access_token}"}
