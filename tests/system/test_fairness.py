"""One member does not delay others: a real server, and files as large as those of phones."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.exposition import values
from tests.media import pdf_that_takes_long, phone_photo, phone_video, photo_with_gps
from tests.system.deployment import Klarity, one_process, relaxed
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

DECIDED = {"available", "rejected"}
POLICY = "when-evidence-is-received-then-sanitise-it"


@pytest.fixture
def klarity(tmp_path: Path) -> Iterator[Klarity]:
    with one_process(tmp_path, **relaxed()) as klarity:
        yield klarity


def status(phone: Phone, evidence_id: str) -> str:
    reply = phone.get(f"/v1/evidence/{evidence_id}")
    return str(reply.json()["status"]) if reply.status_code == 200 else "received"


def waiting(klarity: Klarity, lane: str) -> float:
    """How many pieces of evidence wait in the lane, as the metrics tell."""
    metrics = requests.get(f"{klarity.internal_url}/metrics", timeout=60).text
    (number,) = values(metrics, "klarity_slow_waiting", lane=lane, name=POLICY, reason="busy")
    return number


def test_a_photo_does_not_wait_for_videos_of_another_member(
    klarity: Klarity, tmp_path: Path
) -> None:
    video = phone_video(tmp_path / "video.mp4")
    with Phone(klarity.url) as anna, Phone(klarity.url) as ben:
        anna.join()
        ben.join()
        videos = [anna.upload(video) for _ in range(8)]
        assert eventually(lambda: waiting(klarity, "long") or None)
        photo = ben.upload(phone_photo(tmp_path / "photo.jpg"))
        assert ben.evidence_when_decided(photo)["status"] == "available"
        assert status(anna, videos[-1]) not in DECIDED


def test_a_photo_does_not_wait_for_endless_documents_of_another_member(
    klarity: Klarity, tmp_path: Path
) -> None:
    document = pdf_that_takes_long(tmp_path / "endless.pdf")
    with Phone(klarity.url) as anna, Phone(klarity.url) as ben:
        anna.join()
        ben.join()
        documents = [anna.upload(document) for _ in range(5)]
        photo = ben.upload(phone_photo(tmp_path / "photo.jpg"))
        assert ben.evidence_when_decided(photo)["status"] == "available"
        assert status(anna, documents[-1]) not in DECIDED


def test_a_quota_holds_after_the_server_was_killed(tmp_path: Path) -> None:
    photo = photo_with_gps(tmp_path / "photo.jpg")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(photo.stat().st_size)}
    with (
        one_process(tmp_path, UPLOADS_A_DAY="2", **relaxed()) as klarity,
        Phone(klarity.url) as anna,
    ):
        anna.join()
        first, _ = anna.upload(photo), anna.upload(photo)
        klarity.kill()
        klarity.start()
        anna.sign_in()
        refused = requests.post(
            f"{klarity.url}/v1/uploads",
            headers={**headers, "Authorization": f"Bearer {anna.access_token}"},
            timeout=60,
        )
        assert refused.status_code == 429
        assert refused.json()["type"] == "/problems/upload-quota-reached"
        assert 0 < int(refused.headers["Retry-After"]) <= 24 * 3600
        assert anna.evidence_when_decided(first)["status"] == "available"
