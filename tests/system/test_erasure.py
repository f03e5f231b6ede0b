"""No byte of an erased member stays on the disk, even if a process is killed before deleting."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.media import photo_with_gps, video_with_gps
from tests.system.deployment import Klarity, relaxed
from tests.system.phone import Phone, assert_becomes, eventually

pytestmark = pytest.mark.system


@pytest.fixture
def klarity(tmp_path: Path, memory: Path) -> Iterator[Klarity]:
    """With a folder of its own for what it works on."""
    klarity = Klarity(tmp_path, **relaxed(), WORKROOMS=str(memory))
    yield klarity
    klarity.close()


def test_no_byte_of_a_member_erased_before_the_server_was_killed_stays(
    klarity: Klarity, tmp_path: Path, memory: Path
) -> None:
    klarity.start()
    with Phone(klarity.url) as anna:
        anna.join()
        photo = anna.upload(photo_with_gps(tmp_path / "photo.jpg"))
        assert anna.evidence_when_decided(photo)["status"] == "available"
        arriving = begin_upload(anna)
        video = anna.upload(video_with_gps(tmp_path / "video.mp4", seconds=90))
        eventually(lambda: any_at_work(memory))
        klarity.kill()
        assert any_at_work(memory)

        # Nothing hears of the erasure before the next kill.
        klarity.settings.update(BACKGROUND="false", SERVICES="command:members")
        klarity.start()
        assert anna.leave().status_code == 202
        klarity.kill()
        assert {photo, video, arriving} <= {word for name in stored(klarity) for word in name}

        klarity.settings.update(BACKGROUND="true", SERVICES="all")
        klarity.start()
        eventually(lambda: not stored(klarity) or None)
        eventually(lambda: keys_of(klarity) == {photo: b"", video: b"", arriving: b""} or None)
        eventually(lambda: not any_at_work(memory) or None)
    with Phone(klarity.url) as anybody:
        # The event follows the destruction. Before it, a new read model knows nothing.
        assert_becomes(lambda: problem_of(anybody, photo), (410, "/problems/erased"))


def problem_of(phone: Phone, evidence_id: str) -> tuple[int, str]:
    reply = phone.get(f"/v1/evidence/{evidence_id}/content")
    return reply.status_code, reply.json()["type"]


def begin_upload(phone: Phone) -> str:
    """The first bytes of something larger."""
    announced = phone.call("POST", "/v1/uploads", Upload_Length="1000", Tus_Resumable="1.0.0")
    assert announced.status_code == 201, announced.text
    location = announced.headers["Location"]
    headers = {
        "Authorization": f"Bearer {phone.access_token}",
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    sent = phone.session.patch(phone.url + location, data=bytes(500), headers=headers, timeout=30)
    assert sent.status_code == 204, sent.text
    return location.rpartition("/")[2]


def any_at_work(folder: Path) -> bool | None:
    """Whether an original lies about, as long as it is being sanitised."""
    return any(folder.glob("*/original")) or None


def stored(klarity: Klarity) -> list[list[str]]:
    """Every file in the media folder, finished or not, by the words of its path."""
    media = Path(klarity.settings["DATA"]) / "media"
    return [
        path.relative_to(media).as_posix().replace(".", "/").split("/")
        for path in media.rglob("*")
        if path.is_file()
    ]


def keys_of(klarity: Klarity) -> dict[str, bytes]:
    """The wrapped keys of evidence; of a destroyed one nothing is left."""
    with closing(sqlite3.connect(Path(klarity.settings["DATA"]) / "keys.db")) as vault:
        rows = vault.execute("SELECT subject, wrapped FROM keys WHERE subject LIKE 'evidence/%'")
        return {subject.removeprefix("evidence/"): wrapped for subject, wrapped in rows}
