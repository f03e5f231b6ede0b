"""Media that their owner and moderators alone may see."""

from typing import Any
from uuid import uuid4

import pytest

from application.queries.evidence import EvidenceDocument
from application.use_cases.evidence.media import rendition_key
from config.process import Process
from domain.evidence.evidence import EvidenceStatus
from tests.http.conftest import Caller
from tests.site.conftest import Reader

CONTENT = bytes(range(256)) * 10
SIZE = len(CONTENT)


@pytest.fixture
def place(process: Process, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the site shows evidence that moderators alone may see."""
    item = EvidenceDocument(
        evidence_id=str(uuid4()),
        status=EvidenceStatus.AVAILABLE,
        media_type="video/mp4",
        sha256="ab" * 32,
    )
    answers = process.container.answers()["evidence"]
    monkeypatch.setattr(answers, "one", lambda _, viewer, __: item if viewer.moderates else None)
    monkeypatch.setattr("entrypoints.site.media.PIECE", 1000)
    process.container.media().write(rendition_key(item.evidence_id), iter([CONTENT]))
    return f"/evidence/{item.evidence_id}/content"


@pytest.fixture
def judge(reader: Reader, moderator: Caller) -> Reader:
    return reader.sign_in(moderator)


def asked(reader: Reader, place: str, **headers: str) -> Any:
    return reader.client.get(place, headers=headers)


def test_a_moderator_gets_all_of_it_in_pieces(judge: Reader, place: str) -> None:
    reply = asked(judge, place)
    assert (reply.status_code, reply.data, reply.content_length) == (200, CONTENT, SIZE)
    assert reply.headers["Content-Type"] == "video/mp4"
    assert reply.headers["Content-Security-Policy"] == "sandbox"
    assert reply.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("wanted", "first", "stop"),
    [("bytes=0-", 0, 1000), ("bytes=500-599", 500, 600), ("bytes=2000-", 2000, SIZE)],
)
def test_a_player_gets_the_range_that_it_asks_for_or_its_first_piece(
    judge: Reader, place: str, wanted: str, first: int, stop: int
) -> None:
    reply = asked(judge, place, Range=wanted)
    assert (reply.status_code, reply.data) == (206, CONTENT[first:stop])
    assert reply.headers["Content-Range"] == f"bytes {first}-{stop - 1}/{SIZE}"


@pytest.mark.parametrize("wanted", ["bytes=-5", "bytes=0-1,5-6", "lines=1-2"])
def test_other_ranges_get_all_of_it(judge: Reader, place: str, wanted: str) -> None:
    assert asked(judge, place, Range=wanted).data == CONTENT


def test_nobody_else_gets_it(another_reader: Reader, ben: Caller, place: str) -> None:
    assert asked(another_reader, place).status_code == 404
    assert asked(another_reader.sign_in(ben), place).status_code == 404
