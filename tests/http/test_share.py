"""The page of a case, its previews, oEmbed, and the counting of shares."""

import time
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from config.process import Process
from domain.ids import MediaKind
from tests.http.conftest import Caller
from tests.http.public_cases import PublicCase, add_poster, publish, withdraw

ADDRESS = "https://klarity.example"
HOSTILE = '"><script>alert(1)</script>'
STORY = "They asked for money.\nIn cash.\n\n<b>Twice</b> & more."


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"PUBLIC_URL": f"{ADDRESS}/"}


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.elements
            if name == tag and attributes.items() <= found.items()
        ]

    @property
    def meta(self) -> dict[str | None, str | None]:
        return {
            found.get("property", found.get("name")): found.get("content")
            for found in self.all("meta")
        }


def page_of(caller: Caller, case: PublicCase) -> Page:
    reply = caller("GET", f"/share/{case.case_id}", headers=case.seen)
    assert reply.status_code == 200, reply.text
    return Page(reply.text)


def oembed(caller: Caller, url: str, more: str = "", **headers: str) -> Any:
    return caller("GET", f"/oembed?url={quote(url, safe='')}{more}", headers=headers)


@pytest.fixture(scope="module")
def pictured(process: Process, anna: Caller) -> PublicCase:
    """A case with a picture of 640 by 480, and a hostile title."""
    case = publish(process, anna, title=HOSTILE)
    add_poster(process, case, (640, 480))
    page_of(anna, case)
    return case


class TestPage:
    def test_the_page_shows_the_case(self, process: Process, anna: Caller) -> None:
        place = {"lat": 1, "lon": 2, "name": "Harbour <office>"}
        case = publish(
            process, anna, story=STORY, tags=["permits"], location=place, occurred_on="2026-02-01"
        )
        page = page_of(anna, case)
        for told in (
            "A permit for a bribe",
            "They asked for money.\nIn cash.",
            "<b>Twice</b> & more.",
            "Harbour <office>",
            "1 February 2026",
            "permits",
            anna.pseudonym,
        ):
            assert told in page.text
        assert len(page.all("p", **{"class": "story"})) == 2

    @pytest.mark.parametrize(
        ("kind", "tag"),
        [
            (MediaKind.PHOTO, "img"),
            (MediaKind.DOCUMENT, "img"),
            (MediaKind.VIDEO, "video"),
            (MediaKind.AUDIO, "audio"),
        ],
    )
    def test_the_page_shows_the_evidence(
        self, process: Process, anna: Caller, kind: MediaKind, tag: str
    ) -> None:
        case = publish(process, anna, kind)
        page = page_of(anna, case)
        (shown,) = page.all(tag)
        at = f"/v1/evidence/{case.evidence_id}"
        assert shown["src"] == (f"{at}/poster" if tag == "img" else f"{at}/content")
        assert ("controls" in shown) is (tag != "img")
        assert shown.get("poster") == (f"{at}/poster" if tag == "video" else None)
        assert len(page.all("a", href=f"{at}/content")) == (tag == "img")

    def test_the_page_has_the_metadata_of_previews(self, process: Process, anna: Caller) -> None:
        case = publish(process, anna, story="word " * 100, tags=["roads"])
        page = page_of(anna, case)
        address = f"{ADDRESS}/share/{case.case_id}"
        picture = f"{ADDRESS}/v1/evidence/{case.evidence_id}/poster"
        assert page.meta["og:title"] == page.meta["twitter:title"] == "A permit for a bribe"
        assert page.meta["og:url"] == address
        assert page.meta["og:image"] == page.meta["twitter:image"] == picture
        assert page.meta["twitter:card"] == "summary_large_image"
        assert page.meta["article:tag"] == "roads"
        assert len(page.meta["og:description"] or "") == 200
        (link,) = page.all("link", type="application/json+oembed")
        assert link["href"] == f"{ADDRESS}/oembed?url={quote(address, safe='')}&format=json"

    def test_the_preview_of_a_case_without_a_poster_has_no_image(
        self, process: Process, anna: Caller
    ) -> None:
        meta = page_of(anna, publish(process, anna, MediaKind.AUDIO)).meta
        assert "og:image" not in meta
        assert meta["twitter:card"] == "summary"

    def test_texts_of_members_are_escaped(self, process: Process, anna: Caller) -> None:
        case = publish(
            process,
            anna,
            title=HOSTILE,
            story=HOSTILE,
            tags=[HOSTILE],
            location={"lat": 1, "lon": 2, "name": HOSTILE},
        )
        page = page_of(anna, case)
        assert not page.all("script")
        assert page.meta["og:title"] == page.meta["og:description"] == HOSTILE
        assert page.text.count(HOSTILE) == 5

    def test_headers_forbid_scripts_and_referrers(self, process: Process, anna: Caller) -> None:
        case = publish(process, anna)
        missing = anna("GET", f"/share/{uuid4()}")
        for reply in (anna("GET", f"/share/{case.case_id}", headers=case.seen), missing):
            policy = reply.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "unsafe" not in policy
            assert "script" not in policy
            assert len(reply.headers.getlist("Content-Security-Policy")) == 1
            assert reply.headers["Referrer-Policy"] == "no-referrer"
            assert reply.headers.getlist("X-Frame-Options") == ["DENY"]

    def test_an_anonymous_author_is_on_no_page_and_in_no_preview(self, process: Process) -> None:
        author = Caller(process.app.test_client()).join()
        case = publish(process, author, anonymous=True)
        replies = [
            author("GET", f"/share/{case.case_id}", headers=case.seen),
            oembed(author, f"{ADDRESS}/share/{case.case_id}"),
        ]
        for reply in replies:
            assert reply.status_code == 200
            told = reply.text + str(reply.headers)
            assert author.pseudonym not in told
            assert author.member_id not in told

    def test_an_unchanged_page_is_answered_with_304(self, process: Process, anna: Caller) -> None:
        case = publish(process, anna)
        path = f"/share/{case.case_id}"
        etag = anna("GET", path, headers=case.seen).headers["ETag"]
        assert anna("GET", path, headers={"If-None-Match": etag}).status_code == 304

    def test_the_page_of_an_unpublished_case_is_not_found_even_by_its_author(
        self, process: Process, anna: Caller
    ) -> None:
        waiting = anna.report()
        token = {"Klarity-Token": waiting.headers["Klarity-Token"]}
        case = publish(process, anna)
        hidden = [
            (waiting.json["case_id"], token),
            (case.case_id, withdraw(anna, case)),
            (str(uuid4()), {}),
            ("no-case", {}),
        ]
        for case_id, headers in hidden:
            reply = anna("GET", f"/share/{case_id}", headers=headers)
            assert (reply.status_code, reply.mimetype) == (404, "text/html")
            assert "no such public case" in reply.text
            assert "permit" not in reply.text
            assert oembed(anna, f"{ADDRESS}/share/{case_id}").status_code == 404

    def test_the_page_of_an_erased_case_is_gone(self, process: Process) -> None:
        author = Caller(process.app.test_client()).join()
        case = publish(process, author, title="Soon forgotten")
        page_of(author, case)
        assert author.leave().status_code == 202
        anybody = Caller(process.app.test_client())
        until = time.monotonic() + 60
        path = f"/share/{case.case_id}"
        while (reply := anybody("GET", path)).status_code == 200 and time.monotonic() < until:
            time.sleep(0.02)
        assert (reply.status_code, reply.mimetype) == (410, "text/html")
        assert "Soon forgotten" not in reply.text
        assert oembed(anybody, f"{ADDRESS}{path}").status_code == 410


class TestOEmbed:
    def test_oembed_is_a_link_with_a_thumbnail(self, anna: Caller, pictured: PublicCase) -> None:
        reply = oembed(anna, f"{ADDRESS}/share/{pictured.case_id}/?from=chat#top", "&format=json")
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
        reply = oembed(anna, f"{ADDRESS}/share/{pictured.case_id}", most)
        assert ("thumbnail_url" in reply.json) is shown

    def test_a_case_without_a_poster_has_no_thumbnail(self, process: Process, anna: Caller) -> None:
        bare = publish(process, anna)
        reply = oembed(anna, f"{ADDRESS}/share/{bare.case_id}", **bare.seen)
        assert "thumbnail_url" not in reply.json

    def test_oembed_is_served_as_json_only(self, anna: Caller, pictured: PublicCase) -> None:
        reply = oembed(anna, f"{ADDRESS}/share/{pictured.case_id}", "&format=xml")
        assert (reply.status_code, reply.json["type"]) == (501, "/problems/not-implemented")

    @pytest.mark.parametrize(
        "url", ["", "https://elsewhere.example/share/{}", ADDRESS + "/v1/cases/{}", "http://[x"]
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
