"""Plain originals are in memory only, even if the server is killed while it works on one."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

import pytest
import requests

from tests.media import SECRET, video_with_gps
from tests.system.deployment import Klarity, relaxed
from tests.system.phone import PATIENCE, Phone, eventually, is_public

pytestmark = pytest.mark.system

MARKER = SECRET.encode()
KIND = {"Content-Type": "multipart/form-data; boundary=limit"}
MARKERS = 20_000_000 // len(MARKER)


@pytest.fixture
def klarity(tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Klarity]:
    """All that it may write to a disk is in one folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    klarity = Klarity(tmp_path, **relaxed(), WORKROOMS=str(memory / "rooms"))
    (memory / "rooms").mkdir()
    yield klarity
    klarity.close()


def test_no_disk_holds_a_plain_original_whenever_the_server_is_killed(
    klarity: Klarity, tmp_path: Path, memory: Path
) -> None:
    film = marked(video_with_gps(memory / "film.mp4", seconds=90))
    klarity.start()
    with Phone(klarity.url) as anna:
        anna.join()
        evidence = anna.upload(film)
        eventually(lambda: holding(memory / "rooms") or None)
        klarity.kill()
        assert holding(memory / "rooms")
        assert holding(tmp_path) == []

        klarity.start()
        assert anna.evidence_when_decided(evidence)["status"] == "available"
        assert holding(memory / "rooms") == []
        assert holding(tmp_path) == []


def test_no_disk_holds_a_plain_original_that_a_browser_without_scripts_sends(
    klarity: Klarity, tmp_path: Path, memory: Path
) -> None:
    film = marked(video_with_gps(memory / "film.mp4", seconds=2)).read_bytes()
    klarity.start()
    with requests.Session() as browser, Phone(klarity.url) as anna:
        enter(browser, anna.register())
        form = form_with(browser, klarity.url, film)
        half = begun(klarity, browser, form, len(form) // 2)
        eventually(lambda: holding(memory / "rooms") or None)
        assert holding(tmp_path) == []
        klarity.kill()
        half.close()
        assert holding(tmp_path) == []

        klarity.start()
        sent = browser.post(f"{klarity.url}/report/send", form, headers=KIND, timeout=PATIENCE)
        case_id = sent.url.rpartition("/")[2]
        assert case_id != "send", sent.text
        assert anna.case_when(case_id, is_public)["evidence"]
        assert holding(memory / "rooms") == []
        assert holding(tmp_path) == []


def enter(browser: requests.Session, member: Phone) -> None:
    """Sign in as browsers do."""
    page = browser.get(f"{member.url}/sign-in", timeout=PATIENCE).text
    names = {"pseudonym": member.pseudonym, "passphrase": member.passphrase}
    reply = browser.post(
        f"{member.url}/sign-in", {**names, "csrf_token": token_of(page)}, timeout=PATIENCE
    )
    assert reply.url == f"{member.url}/"


def form_with(browser: requests.Session, url: str, film: bytes) -> bytes:
    """The form of a report with the film, as browsers send it."""
    token = token_of(browser.get(f"{url}/report", timeout=PATIENCE).text)
    texts = {"title": "A permit for a bribe", "story": "They asked for money."}
    fields = {"csrf_token": token, "case_id": str(uuid4()), **texts}
    field, line = 'Content-Disposition: form-data; name="{}"', "--limit\r\n"
    before = "".join(f"{line}{field.format(n)}\r\n\r\n{v}\r\n" for n, v in fields.items())
    before += f'{line}{field.format("file")}; filename="film.mp4"\r\n\r\n'
    return before.encode() + film + b"\r\n--limit--\r\n"


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def begun(klarity: Klarity, browser: requests.Session, form: bytes, size: int) -> HTTPConnection:
    """A connection that has sent so many bytes of the form."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.cookies)
    connection = HTTPConnection("127.0.0.1", klarity.port, timeout=PATIENCE)
    connection.putrequest("POST", "/report/send")
    for name, value in {**KIND, "Cookie": cookies, "Content-Length": str(len(form))}.items():
        connection.putheader(name, value)
    connection.endheaders(form[:size])
    return connection


def marked(film: Path) -> Path:
    """As large as phones make them, with a marker all over; players pass over such a box."""
    content = MARKER * MARKERS
    with film.open("ab") as file:
        file.write((len(content) + 8).to_bytes(4) + b"free" + content)
    return film


def holding(folder: Path) -> list[Path]:
    """The files that have the marker in them."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return [path for path in paths if MARKER in content_of(path)]


def content_of(path: Path) -> bytes:
    """Nothing, where the file was removed meanwhile or has no content of its own."""
    if not path.is_file():
        return b""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""
