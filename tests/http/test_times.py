"""No public reply tells the hour of anything about an anonymous case, nor a minute of any other."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from config.process import Process
from domain.ids import MediaKind
from entrypoints.http import updates
from entrypoints.http.updates import EventIds
from tests.http.conftest import Caller, eventually
from tests.http.public_cases import PublicCase, publish

TIME = re.compile(r"\d{4}-\d\d-\d\d[T ](\d\d(?::?\d\d)*)")
MICROSECONDS = re.compile(r"(?<![\w-])1[789]\d{8,14}(?![\w-])")
EXACT_HEADERS = ("Last-Modified", "ETag", "Content-Location", "Link")

LISTS = (
    "/v1/cases",
    "/v1/cases?created_after=2026-01-01T00:00:00Z",
    "/v1/feeds/cases.atom",
    "/v1/cases.csv",
    "/v1/cases.geojson",
    "/v1/popular-cases",
    "/v1/videos",
    "/v1/moderation/ledger",
)


@pytest.fixture(autouse=True)
def short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "LONGEST_SECONDS", 1.0)


def discussed(process: Process, author: Caller, reader: Caller, **body: Any) -> list[str]:
    """Publish a case, do there what members do, and return the paths where something shows."""
    case = publish(process, author, MediaKind.VIDEO, tags=["toll"], **body)
    path = f"/v1/cases/{case.case_id}"
    for method, below, sent in deeds(case):
        eventually(partial(done, reader, method, path + below, sent, case))
    now = f"?as_of={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return [path, path + now, *(path + below for below in BELOW)]


def done(reader: Caller, method: str, path: str, sent: Any, case: PublicCase) -> bool | None:
    """Do it. The discussion of a case opens a little later than the case is public."""
    reply = reader(method, path, sent, headers=case.seen)
    assert reply.status_code in (200, 201, 204, 404), (path, reply.data)
    return reply.status_code != 404 or None


BELOW = (
    "/comments",
    "/evidence",
    "/history",
    "/proof",
)


def deeds(case: PublicCase) -> list[tuple[str, str, Any]]:
    party = {"kind": "person", "name": "The clerk", "role": "asked", "evidence": [case.evidence_id]}
    return [
        ("PUT", "/support", None),
        ("PUT", "/follow", None),
        ("POST", "/shares", {"network": "link"}),
        ("POST", "/tags/clerk", None),
        ("POST", "/comments", {"text": "I saw it, too."}),
        ("POST", "/parties", party),
    ]


def texts(caller: Caller, paths: list[str]) -> dict[str, str]:
    """What everybody gets there, with the headers that could tell a time."""
    found = {}
    for path in paths:
        reply = caller("GET", path)
        assert reply.status_code == 200, (path, reply.data)
        headers = [f"{name}: {reply.headers.get(name, '')}" for name in EXACT_HEADERS]
        found[path] = "\n".join((*headers, reply.get_data(as_text=True)))
    return found


def exact(found: dict[str, str], is_coarse: Callable[[str], bool]) -> list[tuple[str, str]]:
    """The paths that tell a time which is not coarse, with it."""
    return [
        (path, match.group())
        for path, text in found.items()
        for match in (*TIME.finditer(text), *MICROSECONDS.finditer(text))
        if match.re is MICROSECONDS or not is_coarse(match.group(1))
    ]


def is_midnight(time: str) -> bool:
    return not time.replace(":", "").strip("0")


def is_whole_hour(time: str) -> bool:
    return is_midnight(time[2:])


def test_nothing_about_an_anonymous_case_tells_more_than_the_day(
    process: Process, anna: Caller, ben: Caller, anybody: Caller
) -> None:
    beginning = EventIds(process.container.texts()).write({"cases": 0, "discussions": 0})
    paths = [
        path
        for anonymous in (True, True)
        for path in discussed(process, anna, ben, anonymous=anonymous)
    ]
    found = texts(anybody, [*paths, *LISTS])
    reply = anybody("GET", "/v1/updates", headers={"Last-Event-ID": beginning})
    found["updates"] = reply.get_data(as_text=True)
    assert "case-published" in found["updates"]
    assert exact(found, is_midnight) == []


def test_nothing_about_a_named_case_tells_more_than_the_hour(
    process: Process, anna: Caller, ben: Caller, anybody: Caller
) -> None:
    paths = [path for _ in range(2) for path in discussed(process, anna, ben)]
    assert exact(texts(anybody, [*paths, *LISTS]), is_whole_hour) == []


def test_asking_for_the_past_again_and_again_does_not_tell_the_hour(
    process: Process, anna: Caller, anybody: Caller
) -> None:
    case = publish(process, anna, title=str(uuid4()), anonymous=True)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    path = f"/v1/cases/{case.case_id}?as_of="
    anybody("GET", f"/v1/cases/{case.case_id}", headers=case.seen)
    assert anybody("GET", f"{path}{midnight:%Y-%m-%dT%H:%M:%SZ}").status_code == 200
    before = midnight - timedelta(seconds=1)
    assert anybody("GET", f"{path}{before:%Y-%m-%dT%H:%M:%SZ}").status_code == 404
