"""The oEmbed description of a case, and the counting of shares."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from config.process import Process
from entrypoints.http.requests import TOKEN_HEADER
from tests.http.conftest import Caller, eventually
from tests.http.public_cases import PublicCase, add_poster, publish, withdraw

ADDRESS = "https://klarity.example"
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"PUBLIC_URL": f"{ADDRESS}/"}


def oembed(caller: Caller, url: str, more: str = "", **headers: str) -> Any:
    return caller("GET", f"/oembed?url={quote(url, safe='')}{more}", headers=headers)


@pytest.fixture(scope="module")
def pictured(process: Process, anna: Caller) -> PublicCase:
    """A case with a picture of 640 by 480, and a hostile title."""
    case = publish(process, anna, title=HOSTILE)
    add_poster(process, case, (640, 480))
    assert oembed(anna, f"{ADDRESS}/cases/{case.case_id}", **case.seen).status_code == 200
    return case


def test_an_anonymous_author_is_in_no_preview(process: Process) -> None:
    author = Caller(process.app.test_client()).join()
    case = publish(process, author, anonymous=True)
    reply = oembed(author, f"{ADDRESS}/cases/{case.case_id}", **case.seen)
    assert reply.status_code == 200
    assert author.pseudonym not in reply.text
    assert author.member_id not in reply.text


def test_a_case_that_is_not_public_is_not_found_even_by_its_author(
    process: Process, anna: Caller
) -> None:
    waiting = anna.report()
    token = {TOKEN_HEADER: waiting.headers[TOKEN_HEADER]}
    case = publish(process, anna)
    hidden = [
        (waiting.json["case_id"], token),
        (case.case_id, withdraw(anna, case)),
        (str(uuid4()), {}),
        ("no-case", {}),
    ]
    for case_id, headers in hidden:
        assert oembed(anna, f"{ADDRESS}/cases/{case_id}", **headers).status_code == 404


def test_an_erased_case_is_gone(process: Process) -> None:
    author = Caller(process.app.test_client()).join()
    case = publish(process, author, title="Soon forgotten")
    address = f"{ADDRESS}/cases/{case.case_id}"
    assert oembed(author, address, **case.seen).status_code == 200
    assert author.leave().status_code == 202
    anybody = Caller(process.app.test_client())
    reply = eventually(lambda: _not_shown(oembed(anybody, address)))
    assert reply.status_code == 410
    assert "Soon forgotten" not in reply.text


def _not_shown(reply: Any) -> Any:
    return reply if reply.status_code != 200 else None


class TestOEmbed:
    def test_oembed_is_a_link_with_a_thumbnail(self, anna: Caller, pictured: PublicCase) -> None:
        reply = oembed(anna, f"{ADDRESS}/cases/{pictured.case_id}/?from=chat#top", "&format=json")
        assert reply.mimetype == "application/json"
        assert reply.json == {
            "version": "1.0",
            "type": "link",
            "title": HOSTILE,
            "author_name": anna.pseudonym,
            "provider_name": "Klarity",
            "provider_url": ADDRESS,
            "cache_age": 300,
            "thumbnail_url": f"{ADDRESS}/v1/evidence/{pictured.evidence_id}/poster",
            "thumbnail_width": 640,
            "thumbnail_height": 480,
        }

    @pytest.mark.parametrize(
        ("most", "shown"),
        [
            ("&maxwidth=640&maxheight=480", True),
            ("&maxwidth=639", False),
            ("&maxheight=479", False),
            ("&maxwidth=wide", True),
        ],
    )
    def test_a_thumbnail_larger_than_requested_is_left_out(
        self, anna: Caller, pictured: PublicCase, most: str, shown: bool
    ) -> None:
        reply = oembed(anna, f"{ADDRESS}/cases/{pictured.case_id}", most)
        assert ("thumbnail_url" in reply.json) is shown

    def test_a_case_without_a_poster_has_no_thumbnail(self, process: Process, anna: Caller) -> None:
        bare = publish(process, anna)
        reply = oembed(anna, f"{ADDRESS}/cases/{bare.case_id}", **bare.seen)
        assert "thumbnail_url" not in reply.json

    def test_oembed_is_served_as_json_only(self, anna: Caller, pictured: PublicCase) -> None:
        reply = oembed(anna, f"{ADDRESS}/cases/{pictured.case_id}", "&format=xml")
        assert (reply.status_code, reply.json["type"]) == (501, "/problems/not-implemented")

    def test_the_older_address_of_a_case_is_described_too(
        self, anna: Caller, pictured: PublicCase
    ) -> None:
        assert oembed(anna, f"{ADDRESS}/share/{pictured.case_id}").status_code == 200

    @pytest.mark.parametrize(
        "url", ["", "https://elsewhere.example/cases/{}", ADDRESS + "/v1/cases/{}", "http://[x"]
    )
    def test_other_urls_are_not_found(self, anna: Caller, pictured: PublicCase, url: str) -> None:
        assert oembed(anna, url.format(pictured.case_id)).status_code == 404


class TestCounting:
    def test_a_share_is_counted_once_for_each_member_and_network(
        self, process: Process, anna: Caller, ben: Caller
    ) -> None:
        case = publish(process, anna)
        path = f"/v1/cases/{case.case_id}"
        headers: dict[str, str] = {}
        for network in ("whatsapp", "email", "whatsapp"):
            reply = ben("POST", f"{path}/shares", {"network": network})
            assert reply.status_code == 204
            headers = {"Klarity-Token": reply.headers["Klarity-Token"]}
        told = ben("GET", path, headers=headers).json
        assert told["shares"] == 2
        assert told["shares_by_network"] == [
            {"network": "email", "shares": 1},
            {"network": "whatsapp", "shares": 1},
        ]

    def test_an_invalid_share_is_refused(
        self, process: Process, anna: Caller, anybody: Caller
    ) -> None:
        case = publish(process, anna)
        path = f"/v1/cases/{case.case_id}/shares"
        assert anybody("POST", path, {"network": "x"}).status_code == 401
        assert anna("POST", path, {"network": "pigeon"}).status_code == 422
        waiting = anna.report().json["case_id"]
        assert anna("POST", f"/v1/cases/{waiting}/shares", {"network": "x"}).status_code == 404
