"""Reporting without scripts: one form, with files."""

from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.workrooms import Workrooms
from application.ports.sanitiser import SanitiserUnavailable
from config.process import Process
from entrypoints.asgi.environ import REFUSAL
from entrypoints.site.api import Answer, ApiInProcess, Question
from entrypoints.site.evidence_form import Rooms
from entrypoints.site.site import SiteSettings, create_site
from tests.http.conftest import PASSPHRASE, Caller, eventually
from tests.media import SECRET, photo_with_gps
from tests.site.conftest import Reader

TEXTS = {"title": "A permit for a bribe", "story": "They asked for money."}


@pytest.fixture
def photo(tmp_path: Path) -> bytes:
    return photo_with_gps(tmp_path / "photo.jpg").read_bytes()


def a_file(content: bytes, name: str = "photo.jpg") -> dict[str, Any]:
    return {"file": (BytesIO(content), name)}


def no_file() -> dict[str, Any]:
    """As browsers send a field for files that was left empty."""
    return a_file(b"", "")


def case_of(reader: Reader) -> str:
    return reader.where.removeprefix("/report/")


def when_published(reader: Reader) -> Any:
    """The page of progress, once the case is public."""
    where = reader.where

    def public() -> Any:
        page = reader.open(where)
        return page if "Public." in reader.text else None

    return eventually(public)


def test_a_report_with_a_photo_becomes_public(
    reader: Reader, anna: Caller, anybody: Caller, photo: bytes
) -> None:
    reader.sign_in(anna).open("/report")
    place = {"place": "The land office", "lat": "27.5916", "lon": "86,5640", "precision": "city"}
    reader.submit("/report/send", a_file(photo), **TEXTS, **place, occurred_on="2026-03-01")
    assert reader.status == 200, reader.text
    when_published(reader)
    case = anybody("GET", f"/v1/cases/{case_of(reader)}").json
    assert (case["title"], case["story"]) == (TEXTS["title"], TEXTS["story"])
    assert case["location"] == {
        "lat": 27.6,
        "lon": 86.6,
        "precision": "city",
        "name": "The land office",
    }
    assert case["author"] is None
    assert len(case["evidence"]) == 1
    assert (
        SECRET.encode()
        not in anybody("GET", f"/v1/evidence/{case['evidence'][0]['evidence_id']}/content").data
    )


def test_a_form_that_is_sent_twice_reports_once(reader: Reader, anna: Caller, photo: bytes) -> None:
    form = reader.sign_in(anna).open("/report")
    reader.submit("/report/send", a_file(photo), **TEXTS)
    once = case_of(reader)
    reader.soup = form
    reader.submit("/report/send", a_file(photo), **TEXTS)
    assert case_of(reader) == once
    when_published(reader)
    assert len(anna("GET", f"/v1/cases/{once}").json["cited"]) == 1
    reader.soup = form
    reader.submit("/report/send", no_file(), title="Another title", story="Another story")
    assert case_of(reader) == once


def test_a_report_without_evidence_is_kept_for_its_author_and_can_get_some_later(
    reader: Reader, anna: Caller, photo: bytes
) -> None:
    reader.sign_in(anna).open("/report")
    reader.submit("/report/send", no_file(), **TEXTS, who="named", place="The old market")
    assert "you alone can see" in reader.text
    case_id = case_of(reader)
    case = anna("GET", f"/v1/cases/{case_id}").json
    assert case["story"] == "They asked for money.\n\nWhere: The old market"
    assert case["author"]["member_id"] == anna.member_id
    reader.submit(f"/report/{case_id}/evidence", a_file(photo))
    when_published(reader)


def test_what_fails_is_told_what_arrived_is_kept_and_nothing_typed_is_lost(
    reader: Reader, anna: Caller, photo: bytes
) -> None:
    reader.sign_in(anna).open("/report")
    files = [(BytesIO(photo), "good.jpg"), (BytesIO(b"not a picture"), "odd.txt")]
    page = reader.submit("/report/send", {"file": files}, title="x", story="A long story", lat="y")
    assert reader.status == 422
    assert "odd.txt" in page.find(role="alert").get_text()
    assert page.find("textarea").get_text() == "A long story"
    assert "good.jpg" in page.find("input", {"name": "evidence"})["value"]
    page = reader.submit("/report/send", no_file())
    assert reader.status == 422
    assert page.find(id="title")["aria-invalid"] == "true"
    assert page.find(id="lat")["aria-invalid"] == "true"
    reader.submit("/report/send", no_file(), title=TEXTS["title"], lat="")
    when_published(reader)


def test_an_anonymous_report_can_be_published_later(
    reader: Reader, anna: Caller, photo: bytes
) -> None:
    reader.sign_in(anna).open("/report")
    reader.submit("/report/send", a_file(photo), **TEXTS, publish_within="24")
    where = reader.where
    eventually(lambda: reader.open(where) and ("random time" in reader.text or None))


def test_an_empty_file_is_told(reader: Reader, anna: Caller) -> None:
    reader.sign_in(anna).open("/report")
    page = reader.submit("/report/send", a_file(b"", "empty.jpg"), **TEXTS)
    assert reader.status == 422
    assert "empty.jpg" in page.find(role="alert").get_text()


def test_who_is_signed_out_while_writing_signs_in_with_the_form(
    reader: Reader, ben: Caller, photo: bytes
) -> None:
    reader.sign_in(ben).open("/report")
    ben("DELETE", "/v1/sessions")
    page = reader.submit("/report/send", a_file(photo), **TEXTS)
    assert reader.status == 401
    assert page.find(id="title")["value"] == TEXTS["title"]
    assert "you wrote is still here" in reader.text
    names = {"pseudonym": ben.pseudonym}
    page = reader.submit("/report/send", a_file(photo), **names, passphrase="not the one at all")
    assert reader.status == 401
    reader.submit("/report/send", a_file(photo), **names, passphrase=PASSPHRASE)
    when_published(reader)


def test_a_form_that_is_too_old_is_shown_again_with_what_was_typed(
    reader: Reader, anna: Caller, photo: bytes
) -> None:
    reader.sign_in(anna).open("/report")
    reader.client.delete_cookie("klarity")
    page = reader.submit("/report/send", a_file(photo), **TEXTS)
    assert reader.status == 422
    assert page.find(id="title")["value"] == TEXTS["title"]
    assert "choose your files again" in reader.text
    names = {"pseudonym": anna.pseudonym, "passphrase": PASSPHRASE}
    reader.submit("/report/send", a_file(photo), **names)
    when_published(reader)


def test_the_page_may_ask_the_phone_for_its_place(reader: Reader) -> None:
    reader.open("/report")
    assert "geolocation=(self)" in reader.headers["Permissions-Policy"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"title=x", "application/x-www-form-urlencoded"),
        (b"--b\r\n", "multipart/form-data; boundary=b"),
        (b"x" * 300_000, "multipart/form-data; boundary=b"),
    ],
)
def test_a_form_that_did_not_arrive_whole_is_told(
    reader: Reader, anna: Caller, content: bytes, kind: str
) -> None:
    reader.sign_in(anna)
    reply = reader.client.post("/report/send", data=content, content_type=kind)
    assert reply.status_code == 422
    assert b'role="alert"' in reply.data


def test_who_is_not_signed_in_is_led_to_it_and_gets_no_cookie(reader: Reader) -> None:
    page = reader.open("/report")
    assert page.find("a", href="/join?next=/report")
    assert "Set-Cookie" not in reader.headers
    assert page.find(id="report").has_attr("hidden")


def reader_of(process: Process, rooms: Rooms, change: Any = None) -> Reader:
    """A reader of a site with other folders in memory, or whose API answers differently."""
    settings = SiteSettings(public_url="", leave_url="/", key=b"a key of a test", proxies=0)
    api = ApiInProcess(process.app)
    asked = (lambda question, visitor: change(api, question, visitor)) if change else api
    return Reader(create_site(asked, settings, rooms).test_client())


def test_without_room_in_memory_the_file_is_named_and_nothing_typed_is_lost(
    process: Process, anna: Caller, photo: bytes
) -> None:
    def full(_: int) -> Any:
        raise SanitiserUnavailable("full")

    reader = reader_of(process, full)
    reader.sign_in(anna).open("/report")
    page = reader.submit("/report/send", a_file(photo), **TEXTS)
    assert reader.status == 422
    assert "photo.jpg" in page.find(role="alert").get_text()
    assert page.find(id="title")["value"] == TEXTS["title"]


def test_a_file_that_is_too_large_is_named_and_the_others_arrive(
    process: Process, anna: Caller, photo: bytes
) -> None:
    def small(api: ApiInProcess, question: Question, visitor: Any) -> Answer:
        answer = api(question, visitor)
        if question.path != "/v1/instance":
            return answer
        limits = {**answer.body["limits"], "largest_upload": len(photo)}
        body = msgspec.json.encode({**answer.body, "limits": limits})
        return Answer(answer.status, answer.headers, body)

    reader = reader_of(process, Workrooms().room, small)
    reader.sign_in(anna).open("/report")
    files = [(BytesIO(photo + b"x"), "large.jpg"), (BytesIO(photo), "good.jpg")]
    page = reader.submit("/report/send", {"file": files}, **TEXTS)
    assert reader.status == 422
    assert "large.jpg" in page.find(role="alert").get_text()
    assert "good.jpg" in page.find("input", {"name": "evidence"})["value"]


def test_a_file_that_another_request_sent_faster_is_not_sent_again(
    process: Process, anna: Caller, photo: bytes
) -> None:
    def faster(api: ApiInProcess, question: Question, visitor: Any) -> Answer:
        if question.method == "PATCH":
            api(question, visitor)
        return api(question, visitor)

    reader = reader_of(process, Workrooms().room, faster)
    reader.sign_in(anna).open("/report")
    reader.submit("/report/send", a_file(photo), **TEXTS)
    when_published(reader)


def test_a_text_that_is_too_large_is_told(reader: Reader, anna: Caller) -> None:
    reader.sign_in(anna).open("/report")
    reader.submit("/report/send", no_file(), title="x", story="y" * 300_000)
    assert reader.status == 422
    assert "too large" in reader.text


def test_evidence_that_cannot_be_added_is_told_on_the_page_of_the_report(
    reader: Reader, anna: Caller
) -> None:
    reader.sign_in(anna).open("/report")
    reader.submit("/report/send", no_file(), **TEXTS)
    case_id = case_of(reader)
    page = reader.submit(f"/report/{case_id}/evidence", a_file(b"no picture", "odd.txt"))
    assert reader.status == 422
    assert "odd.txt" in page.find(role="alert").get_text()
    page = reader.submit(f"/report/{case_id}/evidence", no_file(), evidence="no-id odd.txt")
    assert reader.status == 422
    assert page.find(role="alert")


@pytest.mark.parametrize(
    ("refusal", "status"), [("too-slow", 408), ("too-busy", 503), ("too-large", 413)]
)
def test_a_body_that_was_not_read_is_told_in_words(
    reader: Reader, refusal: str, status: int
) -> None:
    reply = reader.client.post("/report/send", environ_overrides={REFUSAL: refusal})
    assert reply.status_code == status
    assert reply.content_type.startswith("text/html")


def test_who_reloads_the_page_after_a_form_gets_a_new_one(reader: Reader) -> None:
    reader.open("/report/send")
    assert reader.where == "/report"
