"""Bodies of any size, as clients send them, through every documented server."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from application.system import services
from tests.servers import free_port
from tests.system.deployment import environment, nginx, one_process, relaxed
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

MB = 1_000_000
GUNICORN = Path(sys.executable).with_name("gunicorn")
STOPS_WITHIN = 120.0
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}


# Only how bodies arrive matters: nothing is made of the uploads.
SETTINGS = {
    "SERVICES": "command:members,command:cases,command:evidence",
    "BACKGROUND": "false",
    **relaxed(),
}


@contextmanager
def granian(folder: Path) -> Iterator[str]:
    with one_process(folder, **SETTINGS) as klarity:
        yield klarity.url


@contextmanager
def gunicorn(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [str(GUNICORN), "wsgi:app", "--threads", "4", "--bind", f"127.0.0.1:{port}"]
    ports = {"INTERNAL_PORT": str(free_port())}
    settings = environment({"DATA": str(folder / "data"), **ports, **SETTINGS})
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--timeout", "300"], env=settings, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _is_ready(url))
        yield url
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN)


def _is_ready(url: str) -> bool | None:
    try:
        return requests.get(f"{url}/v1/instance", timeout=5).ok or None
    except requests.RequestException:
        return None


SERVERS: dict[str, Callable[[Path], Any]] = {"granian": granian, "gunicorn": gunicorn}


@pytest.fixture(scope="module", params=["granian", "gunicorn", "nginx-granian", "nginx-gunicorn"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    front, _, server = request.param.rpartition("-")
    folder = tmp_path_factory.mktemp("transport")
    with ExitStack() as stack:
        url = stack.enter_context(SERVERS[server](folder))
        if not front:
            yield url
            return
        addresses = {service.id: url.removeprefix("http://") for service in services()}
        yield stack.enter_context(nginx(folder / "nginx", addresses))


@pytest.fixture(scope="module")
def phone(url: str) -> Iterator[Phone]:
    with Phone(url) as phone:
        yield phone.join()


@pytest.fixture(scope="module", params=[1, 10, 100], ids="{}MB".format)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that begins as a JPEG does; how it ends does not matter on the way."""
    path = tmp_path_factory.mktemp("file") / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(request.param * MB))
    return path


def authorized(phone: Phone, **more: str) -> dict[str, str]:
    return {**TUS, "Authorization": f"Bearer {phone.access_token}", **more}


def curl(url: str, headers: dict[str, str], *more: str) -> str:
    """What curl shows of the reply: its status and its headers."""
    named = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["curl", "--silent", "--include", "--max-time", "300", *named, *more, url]
    found = subprocess.run(command, check=True, capture_output=True)
    return found.stdout.decode().lower()


def test_curl_can_send_a_file_in_one_patch(phone: Phone, file: Path) -> None:
    size = file.stat().st_size
    begun = requests.post(
        f"{phone.url}/v1/uploads",
        headers=authorized(phone, **{"Upload-Length": str(size)}),
        timeout=60,
    )
    told = curl(
        phone.url + begun.headers["Location"],
        authorized(phone, **OCTETS, **{"Upload-Offset": "0"}),
        *("-X", "PATCH", "--data-binary", f"@{file}"),
    )
    assert f"\r\nupload-offset: {size}\r\n" in told


def test_curl_can_send_a_file_with_the_creation_of_its_upload(phone: Phone, file: Path) -> None:
    size = file.stat().st_size
    told = curl(
        f"{phone.url}/v1/uploads",
        authorized(phone, **OCTETS, **{"Upload-Length": str(size)}),
        *("-X", "POST", "--data-binary", f"@{file}"),
    )
    assert f"\r\nupload-offset: {size}\r\n" in told


def test_a_tus_client_can_send_a_file_in_one_request(phone: Phone, file: Path) -> None:
    evidence_id = phone.upload(file)
    asked = requests.head(
        f"{phone.url}/v1/uploads/{evidence_id}", headers=authorized(phone), timeout=60
    )
    assert asked.headers["Upload-Offset"] == str(file.stat().st_size)


@pytest.mark.parametrize("size", [MB + 1, 20 * MB])
def test_a_large_body_of_another_request_is_answered_with_413(phone: Phone, size: int) -> None:
    for body in (bytes(size), iter([bytes(MB), bytes(size - MB)])):
        reply = requests.post(
            f"{phone.url}/v1/cases",
            body,
            headers=authorized(phone, **{"Content-Type": "application/json"}),
            timeout=120,
        )
        assert problem(reply) == (413, "/problems/too-large")


def test_a_refused_large_upload_gets_the_reason(phone: Phone) -> None:
    headers = authorized(phone, **{"Upload-Length": str(20 * MB)})
    wrong = {**headers, "Content-Type": "image/jpeg"}
    assert problem(send(phone, wrong)) == (415, "/problems/unsupported-media-type")
    nobody = {**headers, **OCTETS, "Authorization": "Bearer nobody"}
    assert problem(send(phone, nobody)) == (401, "/problems/not-signed-in")


def test_a_json_body_of_the_largest_size_is_read(phone: Phone) -> None:
    story = "x" * (MB - 200)
    reply = phone.call("POST", "/v1/cases", {"title": "A permit for a bribe", "story": story})
    assert problem(reply) == (422, "/problems/invalid")


def send(phone: Phone, headers: dict[str, str]) -> requests.Response:
    return requests.post(f"{phone.url}/v1/uploads", bytes(20 * MB), headers=headers, timeout=120)


def problem(reply: requests.Response) -> tuple[int, str]:
    assert reply.headers["Content-Type"] == "application/problem+json", reply.text
    return reply.status_code, json.loads(reply.content)["type"]
