"""A member's own pages, without scripts."""

from functools import partial
from typing import Any

import pytest

from config.process import Process
from tests.http.conftest import PASSPHRASE, Caller, eventually
from tests.http.public_cases import publish
from tests.site.conftest import Reader

LISTS = ("", "/comments", "/supports", "/follows", "/flags", "/notifications")


@pytest.fixture
def carla(process: Process) -> Caller:
    """A member whose account a test may spoil."""
    return Caller(process.app.test_client()).join()


@pytest.mark.parametrize("path", LISTS)
def test_each_list_says_that_it_is_empty(reader: Reader, carla: Caller, path: str) -> None:
    reader.sign_in(carla).open(f"/me{path}")
    assert reader.status == 200
    assert reader.soup.find(class_="empty")
    assert reader.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [*LISTS, "/settings", "/leave", "/export"])
def test_who_is_not_signed_in_is_asked_to_sign_in_and_comes_back(reader: Reader, path: str) -> None:
    reader.open(f"/me{path}")
    assert reader.status == 401
    assert reader.soup.find("input", {"name": "next"})["value"] == f"/me{path}"


def test_a_case_without_evidence_says_what_it_needs(reader: Reader, carla: Caller) -> None:
    carla.report(title="My own case", anonymous=True)
    reader.sign_in(carla)
    eventually(lambda: "My own case" in reader.open("/me").get_text() or None)
    assert "Needs evidence from you" in reader.text
    assert "Anonymous" in reader.text


def test_lists_show_what_the_member_said_flagged_and_watches(
    process: Process, reader: Reader, carla: Caller, anna: Caller
) -> None:
    case_id = publish(process, anna).case_id
    for deed in ("follow", "support"):
        assert carla("PUT", f"/v1/cases/{case_id}/{deed}").status_code == 204
    comment = {"text": "I saw it too."}
    path = f"/v1/cases/{case_id}/comments"
    eventually(lambda: carla("POST", path, comment).status_code == 201 or None)
    rule = carla("GET", "/v1/rules").json["items"][0]["rule_id"]
    flag = {"subject_kind": "case", "subject_id": case_id, "rule": rule, "note": "Look at this."}
    eventually(lambda: carla("POST", "/v1/flags", flag).status_code == 201 or None)
    reader.sign_in(carla)
    for path, words in (
        ("follows", "A permit for a bribe"),
        ("supports", "A permit for a bribe"),
        ("comments", "I saw it too."),
        ("flags", "Waits for a moderator"),
    ):
        eventually(partial(_shows, reader, f"/me/{path}", words))


def _shows(reader: Reader, path: str, words: str) -> bool | None:
    return words in reader.open(path).get_text() or None


def test_a_hidden_case_says_by_which_rule_and_how_to_appeal(
    process: Process, reader: Reader, moderator: Caller, carla: Caller
) -> None:
    case_id = publish(process, carla).case_id
    rule = carla("GET", "/v1/rules").json["items"][0]["rule_id"]
    body = {"decision": "hide", "rule": rule, "reason": "It shows a child."}
    path = f"/v1/moderation/case/{case_id}/decisions"
    eventually(lambda: moderator("POST", path, body).status_code == 201 or None)
    reader.sign_in(carla)
    eventually(lambda: _shows(reader, "/me", "It shows a child."))
    assert reader.soup.find("a", string="Appeal against it")
    eventually(lambda: _shows(reader, "/me/notifications", "Something of yours is hidden."))
    assert reader.soup.find("a", string="Appeal against it")


class TestSettings:
    def test_interests_are_chosen(self, reader: Reader, carla: Caller) -> None:
        reader.sign_in(carla).open("/me/settings")
        fields = {"interests": "customs, permits,", "lat": "4.6", "lon": "-74.1", "km": "10"}
        reader.submit("/me/interests", fields)
        assert "Saved." in reader.text
        assert carla("GET", "/v1/me").json["interests"] == ["customs", "permits"]
        reader.submit("/me/interests")
        me = carla("GET", "/v1/me").json
        assert (me["interests"], me["areas"]) == (
            ["customs", "permits"],
            [{"lat": 4.6, "lon": -74.1, "km": 10.0}],
        )

    def test_an_area_that_is_none_is_told_and_nothing_is_lost(
        self, reader: Reader, carla: Caller
    ) -> None:
        reader.sign_in(carla).open("/me/settings")
        page = reader.submit("/me/interests", interests="tolls", lat="north", lon="1")
        assert reader.status == 422
        assert page.find(role="alert")
        assert page.find("input", {"name": "interests"})["value"] == "tolls"

    def test_the_passphrase_is_changed_and_a_wrong_one_told(
        self, reader: Reader, carla: Caller
    ) -> None:
        reader.sign_in(carla).open("/me/settings")
        page = reader.submit("/me/passphrase", current="not the one", new="five other plain words")
        assert reader.status == 403
        assert "This is not your passphrase" in page.find(role="alert").get_text()
        reader.submit("/me/passphrase", current=PASSPHRASE, new="five other plain words")
        assert "Saved." in reader.text
        assert carla("GET", "/v1/me").status_code == 401

    def test_other_sessions_are_ended(self, reader: Reader, carla: Caller) -> None:
        reader.sign_in(carla).open("/me/settings")
        (action,) = (
            form["action"]
            for form in reader.soup.find_all("form")
            if str(form["action"]).startswith("/me/sessions/")
            and form["action"][-4:] == "/end"
            and form["action"] != "/me/sessions/end"
        )
        reader.submit(action)
        assert "Saved." in reader.text
        assert carla("GET", "/v1/me").status_code == 401
        reader.open("/me")
        assert reader.status == 200

    def test_all_sessions_are_ended(self, reader: Reader, carla: Caller) -> None:
        reader.sign_in(carla).open("/me/settings")
        reader.submit("/me/sessions/end")
        assert reader.soup.find("a", href="/sign-in")
        assert carla("GET", "/v1/me").status_code == 401

    def test_signing_out_ends_the_session_even_if_it_has_ended(
        self, reader: Reader, carla: Caller
    ) -> None:
        reader.sign_in(carla).open("/me/settings")
        carla("DELETE", "/v1/sessions")
        reader.submit("/sign-out")
        assert reader.where == "/"
        assert reader.soup.find("a", href="/sign-in")

    def test_a_session_that_ended_elsewhere_is_told(self, reader: Reader, carla: Caller) -> None:
        reader.sign_in(carla).open("/me/settings")
        carla("DELETE", "/v1/sessions")
        reader.submit("/me/interests", interests="tolls")
        assert reader.status == 401
        assert reader.soup.find("form", action="/sign-in")


def test_the_export_is_a_file(reader: Reader, carla: Caller) -> None:
    reader.sign_in(carla)
    reply: Any = reader.client.get("/me/export")
    assert reply.json["parts"]["members"]["items"]
    assert "attachment" in reply.headers["Content-Disposition"]
    assert "no-store" in reply.headers["Cache-Control"]


def test_an_erased_account_shows_how_far_its_erasure_is(reader: Reader, carla: Caller) -> None:
    reader.sign_in(carla).open("/me/leave")
    page = reader.submit("/me/leave", passphrase="not the one at all")
    assert (reader.status, bool(page.find(role="alert"))) == (403, True)
    reader.submit("/me/leave", passphrase=PASSPHRASE)
    assert reader.where.startswith("/erasures/")
    receipt = reader.where
    eventually(lambda: "Your account is erased" in reader.open(receipt).get_text() or None)
    assert reader.soup.find("a", href="/sign-in")
    reader.open("/erasures/unknown")
    assert reader.status == 404


def test_lists_have_pages(reader: Reader, process: Process) -> None:
    dora = Caller(process.app.test_client()).join()
    ids = {dora.report(title=f"Case {number}").json["case_id"] for number in range(21)}
    reader.sign_in(dora)

    def all_there() -> Any:
        reader.open("/me")
        return reader.soup.find("a", string="More")

    first = cases_on(reader) if (more := eventually(all_there)) else set()
    reader.open(more["href"])
    assert first | cases_on(reader) == ids
    assert len(first) == 20


def cases_on(reader: Reader) -> set[str]:
    links = reader.soup.find_all("a", href=True)
    return {each["href"].removeprefix("/cases/") for each in links if "/cases/" in each["href"]}


class TestRecommended:
    def test_cases_come_with_the_reasons_in_words(
        self, reader: Reader, process: Process, carla: Caller, anna: Caller
    ) -> None:
        publish(process, anna, title="A toll for nothing", tags=["tolls"])
        carla("PUT", "/v1/me/interests", {"interests": ["tolls"], "areas": []})
        reader.sign_in(carla)
        words = "You follow “tolls”."
        eventually(lambda: words in reader.open("/me/recommended").get_text() or None)
        assert "What you read is not recorded." in reader.text
        assert words in reader.open("/").get_text()

    def test_they_are_turned_off_and_on(self, reader: Reader, carla: Caller) -> None:
        reader.sign_in(carla)
        reader.open("/me/recommended")
        reader.submit("/me/recommendations", on="no")
        eventually(lambda: "This is off." in reader.open("/me/recommended").get_text() or None)
        assert not reader.soup.select(".card")
        assert "For you" not in reader.open("/").find("main").get_text()
        reader.open("/me/recommended")
        reader.submit("/me/recommendations", on="yes")
        eventually(lambda: "Turn it off" in reader.open("/me/recommended").get_text() or None)
