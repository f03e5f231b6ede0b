"""Attacks on the site, each of which has succeeded once."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from adapters.workrooms import Workrooms
from config.process import Process
from entrypoints.site import case as case_pages
from entrypoints.site.api import ApiInProcess
from entrypoints.site.site import SiteSettings, create_site
from tests.http.conftest import Caller
from tests.http.public_cases import publish, withdraw
from tests.site.conftest import Reader

ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}
SETTINGS = SiteSettings(public_url="", leave_url="/", key=b"a key of a test", proxies=0)


@pytest.mark.parametrize("place", ["/dispute/{}", "/erasures/{}"])
@pytest.mark.parametrize("trick", ["%3F%E4%B8%AD", "x%3Fy", "%2e%2e", "%252e%252e%252fme", "%23"])
def test_an_address_cannot_reach_another_place_of_the_api(
    process: Process, place: str, trick: str
) -> None:
    asked: list[str] = []
    api = ApiInProcess(process.app)

    def noting(question: Any, visitor: Any) -> Any:
        asked.append(question.path)
        return api(question, visitor)

    reader = Reader(create_site(noting, SETTINGS, Workrooms().room).test_client())
    reader.open(place.format(trick))
    assert reader.status in (403, 404)
    assert not [path for path in asked if "?" in path or not path.isascii() or "%2F" in path]


def test_the_token_of_a_dispute_link_is_not_logged_when_its_page_fails(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(question: Any, visitor: Any) -> Any:
        raise OSError("broken")

    site = create_site(broken, SETTINGS, Workrooms().room)
    reader = Reader(site.test_client())
    reader.open("/dispute/secret")
    assert reader.status == 500
    assert "page failed: dispute.form" in caplog.text
    assert "secret" not in caplog.text


def test_the_proof_of_a_case_that_only_its_author_sees_is_not_kept_on_the_phone(
    process: Process, reader: Reader, another_reader: Reader, anna: Caller
) -> None:
    case = publish(process, anna)
    path = f"/cases/{case.case_id}/proof.json"
    assert another_reader.client.get(path).headers["Cache-Control"] == "no-cache"
    reader.sign_in(anna)
    withdraw(anna, case)
    assert reader.client.get(path).headers["Cache-Control"] == "no-store"


def test_a_page_during_which_the_session_ended_is_not_kept(reader: Reader, ben: Caller) -> None:
    reader.sign_in(ben)
    ben("DELETE", "/v1/sessions")
    reader.open("/")
    assert reader.headers["Cache-Control"] == "no-store"
    reader.open("/")
    assert reader.headers["Cache-Control"] == "no-cache"


def test_a_stranger_cannot_fill_the_memory_with_files(process: Process) -> None:
    used: list[int] = []

    @contextmanager
    def room(size: int) -> Iterator[Path]:
        used.append(size)
        with Workrooms().room(size) as path:
            yield path

    reader = Reader(create_site(ApiInProcess(process.app), SETTINGS, room).test_client())
    reader.open("/sign-in")
    token = reader.soup.find("input", {"name": "csrf_token"})["value"]
    file = (BytesIO(b"x" * 1000), "photo.jpg")
    reply = reader.client.post("/report/send", data={"csrf_token": token, "file": file})
    assert (reply.status_code, used) == (401, [])


@pytest.mark.parametrize("path", ["/report/send", "/sign-in", "/dispute/x"])
def test_another_site_cannot_show_a_form_that_it_filled_in(reader: Reader, path: str) -> None:
    data = {"title": "Their words", "case_id": "theirs"}
    reply = reader.client.post(path, data=data, headers=ELSEWHERE)
    assert reply.status_code == 400
    assert "Their words" not in reply.text
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize("place", ["/sign-in", "/join", "/me", "/moderation"])
def test_a_link_of_another_site_does_not_sign_out(reader: Reader, place: str) -> None:
    path = f"{place}?next=%2Fme"
    reply = reader.client.get(path, headers=ELSEWHERE)
    assert "Set-Cookie" not in reply.headers
    assert reply.headers["Refresh"] == "0; url=?next=%2Fme&again=1"
    again = path.replace("next", "again=1&next")
    for where, headers in ((path, {"Sec-Fetch-Site": "same-origin"}), (again, ELSEWHERE)):
        reader.client.delete_cookie("klarity")
        reply = reader.client.get(where, headers=headers)
        assert "Set-Cookie" in reply.headers
        assert "Refresh" not in reply.headers


def test_a_case_with_long_comments_cannot_fill_the_memory(
    process: Process, reader: Reader, anna: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = publish(process, anna)
    where = f"/cases/{case.case_id}"
    assert anna("GET", f"/v1{where}", headers=case.seen).status_code == 200
    case_pages._rendered.cache_clear()
    monkeypatch.setattr(case_pages, "LARGEST_KEPT", 10)
    reader.open(where)
    assert reader.status == 200
    assert case_pages._rendered.cache_info().currsize == 0
