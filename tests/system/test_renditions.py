"""Renditions are in plain form in replies only, never on a disk or in a database."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests
from bson import BSON

from adapters.mongo import connect
from tests.media import phone_photo, video_with_gps
from tests.servers import free_port
from tests.system.deployment import environment, one_process, relaxed, shared_stores
from tests.system.phone import Phone, eventually
from tests.system.test_wsgi import SERVERS, answers

pytestmark = pytest.mark.system

MARK_BYTES = 24
MARKS = 50


def test_no_file_holds_a_rendition_and_a_backup_holds_no_erased_one(
    tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with one_process(tmp_path, **relaxed(), WORKROOMS=str(memory)) as klarity:
        with Phone(klarity.url) as anna:
            anna.join()
            film = anna.upload(video_with_gps(memory / "film.mp4", seconds=5))
            marks = marks_of(anna, film)
            assert not holding(tmp_path, marks)

            data = Path(klarity.settings["DATA"])
            shutil.copytree(data / "media", tmp_path / "backup")
            assert anna.leave().status_code == 202
        with Phone(klarity.url) as anybody:
            gone = f"/v1/evidence/{film}/content"
            eventually(lambda: anybody.get(gone).status_code == 410 or None)
            shutil.copytree(tmp_path / "backup", data / "media", dirs_exist_ok=True)
            assert anybody.get(gone).status_code == 410
            assert not holding(tmp_path, marks)


def test_gridfs_holds_no_rendition_and_no_process_serves_one_without_its_key(
    tmp_path: Path, memory: Path, mongo_url: str, redis_url: str
) -> None:
    settings = shared_stores(mongo_url, BUS_URL=redis_url, WORKROOMS=str(memory))
    with (
        one_process(tmp_path / "one", **settings) as one,
        one_process(tmp_path / "other", **settings, BACKGROUND="false") as other,
        closing(connect(mongo_url, settings["MONGO_DATABASE"]).client) as client,
        Phone(one.url) as anna,
    ):
        anna.join()
        film = anna.upload(video_with_gps(tmp_path / "film.mp4", seconds=5))
        marks = marks_of(anna, film)
        database = client[settings["MONGO_DATABASE"]]
        history = client["local"]["oplog.rs"].find({"ns": {"$regex": "^(klarity|admin)"}})
        kept = [each for name in database.list_collection_names() for each in database[name].find()]
        stored = b"".join(BSON.encode(each) for each in [*kept, *history])
        assert len(stored) > 100_000
        assert not any(mark in stored for mark in marks)

        urls = [f"{url}/v1/evidence/{film}/content" for url in (one.url, other.url)]
        signed_in = {"Authorization": f"Bearer {anna.access_token}"}
        for url in urls:
            assert requests.get(url, headers=signed_in, timeout=60).status_code == 200
        destroyed = {"$set": {"wrapped": b""}}
        assert database["keys"].update_one({"_id": f"evidence/{film}"}, destroyed).modified_count
        for url in urls:
            assert requests.get(url, headers=signed_in, timeout=60).status_code == 410


@pytest.mark.parametrize("server", SERVERS)
def test_a_reply_is_aborted_where_the_stored_bytes_were_changed(
    server: str, tmp_path: Path, memory: Path
) -> None:
    settings = {"DATA": str(tmp_path / "data"), "WORKROOMS": str(memory), **relaxed()}
    with served(server, tmp_path, settings) as url, Phone(url) as anna:
        anna.join()
        photo = anna.upload(phone_photo(memory / "photo.jpg"))
        path = f"/v1/evidence/{photo}/content"
        assert anna.evidence_when_decided(photo)["status"] == "available"
        whole = content(anna, path)
        change(tmp_path / "data" / "media" / "renditions" / f"{photo}.blob", at=700_000)

        asked = {"Authorization": f"Bearer {anna.access_token}"}
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{url}{path}", headers=asked, timeout=60)
        first = anna.get(path, Range="bytes=0-99999")
        assert (first.status_code, first.content) == (206, whole[:100_000])
        changed = anna.get(path, Range="bytes=699000-701000")
        assert (changed.status_code, changed.json()["type"]) == (500, "/problems/damaged")
        assert len(content(anna, path.replace("content", "poster"))) > 1_000


@contextmanager
def served(server: str, folder: Path, settings: dict[str, str]) -> Iterator[str]:
    """The address of a server of the application."""
    port = free_port()
    program, *arguments = [part.format(port=port) for part in SERVERS[server]]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name(program), *arguments],
            env=environment({**settings, "PORT": str(port), "INTERNAL_PORT": str(free_port())}),
            stdout=log,
            stderr=log,
        )
    try:
        eventually(lambda: answers(f"http://127.0.0.1:{port}"))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(120)


def marks_of(phone: Phone, evidence: str) -> list[bytes]:
    """Bytes from all over the rendition and the poster of a piece of evidence."""
    assert phone.evidence_when_decided(evidence)["status"] == "available"
    marks = []
    for part in ("content", "poster"):
        served = content(phone, f"/v1/evidence/{evidence}/{part}")
        places = range(len(served) // 4, len(served) - MARK_BYTES, len(served) // MARKS)
        marks += [served[start : start + MARK_BYTES] for start in places]
    return [mark for mark in marks if len(set(mark)) > MARK_BYTES // 2]


def content(phone: Phone, path: str) -> bytes:
    reply = phone.get(path)
    assert reply.status_code == 200, reply.text
    return reply.content


def holding(folder: Path, marks: list[bytes]) -> list[Path]:
    """The files that hold one of the marks."""
    assert len(marks) > MARKS
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(mark in path.read_bytes() for mark in marks)]


def change(path: Path, at: int) -> None:
    stored = bytearray(path.read_bytes())
    stored[at] ^= 1
    path.write_bytes(stored)
