"""Plain originals are in memory only, even if the server is killed while it works on one."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.media import SECRET, video_with_gps
from tests.system.deployment import Klarity, relaxed
from tests.system.phone import Phone, eventually

pytestmark = pytest.mark.system

MARKER = SECRET.encode()
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
