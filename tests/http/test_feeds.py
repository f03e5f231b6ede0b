"""The list of public cases as an Atom feed, as GeoJSON and as CSV."""

import csv
import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import uuid4
from xml.etree.ElementTree import Element, fromstring

import pytest

from application import exports
from config.process import Process
from entrypoints.http import feeds
from tests.http.conftest import Caller
from tests.http.public_cases import PublicCase, publish, withdraw

ADDRESS = "https://klarity.example"
ATOM = {"a": "http://www.w3.org/2005/Atom"}
FORMATS = ("/v1/feeds/cases.atom", "/v1/cases.geojson", "/v1/cases.csv")
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
PLACE = {"lat": -33.9, "lon": 151.2, "precision": "city", "name": "Sydney"}


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"PUBLIC_URL": ADDRESS}


@pytest.fixture
def tag() -> str:
    """A tag that the cases of one test share with no others."""
    return f"t{uuid4().hex}"


def feed(caller: Caller, query: str, **headers: str) -> Element:
    reply = caller("GET", f"/v1/feeds/cases.atom?{query}", headers=headers)
    assert reply.status_code == 200, reply.text
    assert reply.mimetype == "application/atom+xml"
    return fromstring(reply.data)  # noqa: S314 - it is our own


def features(caller: Caller, query: str, **headers: str) -> list[Any]:
    reply = caller("GET", f"/v1/cases.geojson?{query}", headers=headers)
    assert (reply.status_code, reply.mimetype) == (200, "application/geo+json")
    collection = json.loads(reply.data)
    assert collection["type"] == "FeatureCollection"
    found: list[Any] = collection["features"]
    return found


def table(caller: Caller, query: str, **headers: str) -> list[dict[str, str]]:
    reply = caller("GET", f"/v1/cases.csv?{query}", headers=headers)
    assert (reply.status_code, reply.mimetype) == (200, "text/csv")
    assert "cases.csv" in reply.headers["Content-Disposition"]
    text = reply.data.decode()
    assert text.count("\r\n") > text.count("\r") - 2
    return list(csv.DictReader(StringIO(text, newline="")))


def all_formats(caller: Caller, query: str = "", **headers: str) -> str:
    replies = [caller("GET", f"{path}?{query}", headers=headers) for path in FORMATS]
    assert [reply.status_code for reply in replies] == [200] * len(FORMATS)
    return "".join(reply.text + str(reply.headers) for reply in replies)


def several(process: Process, author: Caller, tag: str, count: int) -> list[PublicCase]:
    """Public cases with places, the newest first."""
    made = [publish(process, author, tags=[tag], location=PLACE) for _ in range(count)]
    return made[::-1]


class TestEveryFormat:
    def test_unpublished_cases_are_in_no_format(
        self, process: Process, anna: Caller, tag: str
    ) -> None:
        kept = publish(process, anna, tags=[tag], location=PLACE)
        waiting = anna.report(tags=[tag], location=PLACE).json["case_id"]
        taken_back = publish(process, anna, tags=[tag], location=PLACE)
        told = all_formats(anna, f"tag={tag}", **withdraw(anna, taken_back))
        assert kept.case_id in told
        assert waiting not in told
        assert taken_back.case_id not in told

    def test_an_anonymous_author_is_in_no_format(self, process: Process, tag: str) -> None:
        author = Caller(process.app.test_client()).join()
        case = publish(process, author, tags=[tag], location=PLACE, anonymous=True)
        told = all_formats(author, f"tag={tag}", **case.seen)
        assert told.count(case.case_id) > len(FORMATS)
        assert author.pseudonym not in told
        assert author.member_id not in told

    @pytest.mark.parametrize("path", FORMATS)
    def test_every_format_accepts_the_filters_of_the_list(
        self, process: Process, anna: Caller, path: str, tag: str
    ) -> None:
        case = publish(process, anna, tags=[tag], location=PLACE, category="fraud")
        for query, there in (
            ("category=fraud&bbox=151,-34,152,-33&q=permit", True),
            ("near=-33.9,151.2&within_km=1&created_after=2020-01-01T00:00:00Z", True),
            ("category=bribery", False),
            (
                "bbox=-900.0000000000001,-89.98333351062323,900.0000000000001,89.98333351062323",
                True,
            ),
            ("bbox=511,-34,512,-33", True),
            ("bbox=0,0,1,1", False),
        ):
            reply = anna("GET", f"{path}?tag={tag}&{query}", headers=case.seen)
            assert (case.case_id in reply.text) is there, query

    @pytest.mark.parametrize("path", FORMATS)
    @pytest.mark.parametrize("query", ["bbox=1", "surprise=1", "limit=5"])
    def test_an_invalid_filter_is_refused(self, anna: Caller, path: str, query: str) -> None:
        assert anna("GET", f"{path}?{query}").status_code == 422

    @pytest.mark.parametrize("path", FORMATS)
    def test_a_write_that_is_not_projected_yet_is_answered_with_503(
        self, process: Process, anna: Caller, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("application.engine.answers.LONGEST_WAIT", 0.0)
        case = publish(process, anna)
        token = anna("PATCH", f"/v1/cases/{case.case_id}", {"title": "Another"}).headers
        broken = process.container.answers()["cases"]
        monkeypatch.setattr(broken, "_history", NoHistory())
        reply = anna("GET", path, headers={"Klarity-Token": token["Klarity-Token"]})
        assert (reply.status_code, reply.json["type"]) == (503, "/problems/not-caught-up")


class NoHistory:
    def position_of(self, *_: object) -> None:
        """No position is known."""


class TestAtom:
    def test_an_entry_describes_its_case(self, process: Process, anna: Caller, tag: str) -> None:
        case = publish(
            process, anna, title="<script>alert(1)</script>", story="A & B\x01", tags=[tag]
        )
        found = feed(anna, f"tag={tag}", **case.seen)
        (entry,) = found.findall("a:entry", ATOM)
        text = {name: entry.findtext(f"a:{name}", None, ATOM) for name in ("id", "title")}
        assert text == {"id": f"urn:uuid:{case.case_id}", "title": "<script>alert(1)</script>"}
        assert entry.findtext("a:content", None, ATOM) == "A & B"
        assert entry.findtext("a:author/a:name", None, ATOM) == anna.pseudonym
        assert [each.get("term") for each in entry.findall("a:category", ATOM)] == ["other", tag]
        assert link(entry, "alternate") == f"{ADDRESS}/cases/{case.case_id}"
        assert found.findtext("a:updated", None, ATOM) == entry.findtext("a:updated", None, ATOM)

    def test_the_feed_links_to_itself_with_its_filters(self, anna: Caller, tag: str) -> None:
        found = feed(anna, f"tag={tag}&q=a%26b")
        address = f"{ADDRESS}/v1/feeds/cases.atom?tag={tag}&q=a%26b"
        assert found.findtext("a:id", None, ATOM) == link(found, "self") == address
        assert link(feed(anna, ""), "self") == f"{ADDRESS}/v1/feeds/cases.atom"
        for needed in ("a:title", "a:updated", "a:author/a:name"):
            assert found.findtext(needed, None, ATOM)
        assert found.findall("a:entry", ATOM) == []

    def test_the_feed_links_to_its_next_page(
        self, process: Process, anna: Caller, tag: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feeds, "ENTRIES", 2)
        made = several(process, anna, tag, 3)
        first = feed(anna, f"tag={tag}", **made[0].seen)
        further = link(first, "next").removeprefix(ADDRESS)
        second = feed(anna, further.partition("?")[2])
        entries = [entry for part in (first, second) for entry in part.findall("a:entry", ATOM)]
        told = [entry.findtext("a:id", None, ATOM) for entry in entries]
        assert len(told) == len(set(told))
        assert set(told) == {f"urn:uuid:{case.case_id}" for case in made}
        assert link(second, "next") == ""
        ids = {part.findtext("a:id", None, ATOM) for part in (first, second)}
        assert ids == {f"{ADDRESS}/v1/feeds/cases.atom?tag={tag}"}
        assert anna("GET", "/v1/feeds/cases.atom?cursor=x").status_code == 400

    def test_an_unchanged_feed_is_answered_with_304(
        self, process: Process, anna: Caller, tag: str
    ) -> None:
        case = publish(process, anna, tags=[tag])
        path = f"/v1/feeds/cases.atom?tag={tag}"
        etag = anna("GET", path, headers=case.seen).headers["ETag"]
        known = {"If-None-Match": etag}
        assert anna("GET", path, headers=known).status_code == 304
        token = anna("PATCH", f"/v1/cases/{case.case_id}", {"title": "Another"}).headers
        changed = {**known, "Klarity-Token": token["Klarity-Token"]}
        assert anna("GET", path, headers=changed).status_code == 200


def link(element: Element, relation: str) -> str:
    found = [each for each in element.findall("a:link", ATOM) if each.get("rel") == relation]
    return found[0].get("href") or "" if found else ""


class TestGeoJson:
    def test_a_feature_holds_the_location_of_its_case(
        self, process: Process, anna: Caller, tag: str
    ) -> None:
        publish(process, anna, tags=[tag])
        case = publish(
            process, anna, tags=[tag], location={**PLACE, "lat": -33.8688, "lon": 151.2093}
        )
        (feature,) = features(anna, f"tag={tag}", **case.seen)
        assert (feature["type"], feature["id"]) == ("Feature", case.case_id)
        assert feature["geometry"] == {"type": "Point", "coordinates": [151.2, -33.9]}
        assert feature["properties"]["place"] == "Sydney"
        assert feature["properties"]["url"] == f"{ADDRESS}/cases/{case.case_id}"

    def test_all_pages_of_features_are_sent(
        self, process: Process, anna: Caller, tag: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "PAGE", 2)
        made = several(process, anna, tag, 4)
        nowhere = publish(process, anna, tags=[tag])
        found = features(anna, f"tag={tag}", **nowhere.seen)
        assert {feature["id"] for feature in found} == {case.case_id for case in made}


class TestCsv:
    def test_a_row_describes_its_case(self, process: Process, anna: Caller, tag: str) -> None:
        story = 'He said "pay",\nso I paid.'
        day = "2026-02-01"
        case = publish(
            process, anna, story=story, tags=[tag, "roads"], location=PLACE, occurred_on=day
        )
        (row,) = table(anna, f"tag={tag}", **case.seen)
        assert row["story"] == story
        assert row["tags"] == f"{tag};roads"
        assert (row["lat"], row["lon"], row["place"]) == ("-33.9", "151.2", "Sydney")
        assert (row["occurred_on"], row["evidence"]) == (day, "1")
        assert row["author"] == anna.pseudonym
        assert row["url"] == f"{ADDRESS}/cases/{case.case_id}"

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
    def test_no_cell_is_a_formula(
        self, process: Process, anna: Caller, tag: str, start: str
    ) -> None:
        story = f"{start}cmd()"
        title = story if start.isprintable() else "A title"
        case = publish(process, anna, title=title, story=story, tags=[tag])
        (row,) = table(anna, f"tag={tag}", **case.seen)
        assert row["story"] == f"'{story}"
        assert row["title"] == (f"'{title}" if title == story else title)

    @pytest.mark.parametrize("start", [*FORMULA, "  =", '"=', '" \u3000@'])
    def test_no_cell_is_a_formula_with_another_separator(
        self, process: Process, anna: Caller, tag: str, start: str
    ) -> None:
        story = "".join(f"so{sign}{start}1" for sign in (";", ";;", "\t", "\r", "\n", "\r\n"))
        case = publish(process, anna, title=f"A;{start}1;x", story=story, tags=[tag, "=roads"])
        text = anna("GET", f"/v1/cases.csv?tag={tag}", headers=case.seen).text
        for sign in (",", ";", "\t"):
            for row in csv.reader(StringIO(text, newline=None), delimiter=sign):
                assert not [cell for cell in row if cell.lstrip().startswith(FORMULA)]

    def test_a_sign_within_a_cell_is_kept(self, process: Process, anna: Caller, tag: str) -> None:
        story = "a = b; c - d, -5\nwell-known; a@b"
        case = publish(process, anna, story=story, tags=[tag])
        (row,) = table(anna, f"tag={tag}", **case.seen)
        assert row["story"] == story

    def test_all_pages_of_rows_are_streamed(
        self, process: Process, anna: Caller, tag: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(exports, "PAGE", 2)
        made = several(process, anna, tag, 5)
        rows = table(anna, f"tag={tag}", **made[0].seen)
        assert sorted(row["case_id"] for row in rows) == sorted(case.case_id for case in made)
        reply = anna("GET", f"/v1/cases.csv?tag={tag}")
        assert len([chunk for chunk in reply.iter_encoded() if chunk]) == 1 + 3

    def test_a_table_without_rows_has_a_header(self, anna: Caller, tag: str) -> None:
        text = anna("GET", f"/v1/cases.csv?tag={tag}").text
        assert text.startswith("case_id,title,")
        assert text.count("\r\n") == 1


class TestChanges:
    """What changed since an earlier export."""

    def test_features_that_changed_and_those_that_are_gone(
        self, process: Process, anna: Caller, tag: str
    ) -> None:
        kept, gone, changed = several(process, anna, tag, 3)
        path = f"/v1/cases.geojson?tag={tag}"
        bookmark = since(anna, path, **kept.seen)
        amended = anna("PATCH", f"/v1/cases/{changed.case_id}", {"title": "Another"}).headers
        withdraw(anna, gone)
        unplaced = publish(process, anna, tags=[tag])
        found = features(anna, f"tag={tag}&since={bookmark}", **unplaced.seen)
        by_id = {feature["id"]: feature for feature in found}
        assert amended["Klarity-Token"]
        assert by_id[changed.case_id]["properties"]["title"] == "Another"
        nothing = {"type": "Feature", "geometry": None, "properties": {"gone": True}}
        assert by_id[gone.case_id] == {**nothing, "id": gone.case_id}
        assert by_id[unplaced.case_id] == {**nothing, "id": unplaced.case_id}
        assert kept.case_id not in by_id

    def test_rows_that_changed_and_those_that_are_gone(
        self, process: Process, anna: Caller, tag: str
    ) -> None:
        _, gone, changed = several(process, anna, tag, 3)
        bookmark = since(anna, f"/v1/cases.csv?tag={tag}", **gone.seen)
        anna("PATCH", f"/v1/cases/{changed.case_id}", {"title": "Another"})
        found = {
            row.pop("case_id"): row
            for row in table(anna, f"tag={tag}&since={bookmark}", **withdraw(anna, gone))
        }
        assert (found[changed.case_id]["title"], found[changed.case_id]["gone"]) == ("Another", "")
        assert {name: cell for name, cell in found[gone.case_id].items() if cell} == {
            "gone": "true"
        }

    def test_a_copy_that_is_kept_up_to_date_is_the_whole_export(
        self, process: Process, anna: Caller, ben: Caller, tag: str
    ) -> None:
        first, second, third = several(process, anna, tag, 3)
        deeds: list[Callable[[], dict[str, str]]] = [
            lambda: first.seen,
            lambda: withdraw(anna, first),
            lambda: publish(process, ben, tags=[tag]).seen,
            lambda: seen(anna("PATCH", f"/v1/cases/{second.case_id}", {"title": "New"})),
            lambda: seen(ben("PUT", f"/v1/cases/{third.case_id}/support")),
        ]
        copy: dict[str, dict[str, str]] = {}
        bookmark = ""
        for deed in deeds:
            query = f"tag={tag}" + (f"&since={bookmark}" if bookmark else "")
            reply = anna("GET", f"/v1/cases.csv?{query}", headers=deed())
            bookmark = reply.headers["Klarity-Since"]
            for row in csv.DictReader(StringIO(reply.text, newline="")):
                copy.pop(row["case_id"], None)
                if not row["gone"]:
                    copy[row["case_id"]] = row
        whole = {row["case_id"]: row for row in table(anna, f"tag={tag}")}
        assert copy == whole
        assert len(copy) == 3

    def test_bookmarks_tell_nothing(self, process: Process, anna: Caller, tag: str) -> None:
        """An anonymous report that waits must not be told by a bookmark that differs."""
        bookmarks = [since(anna, "/v1/cases.csv") for _ in range(2)]
        publish(process, anna, tags=[tag])
        bookmarks.append(since(anna, "/v1/cases.csv"))
        assert len(set(bookmarks)) == 3
        assert len({len(bookmark) for bookmark in bookmarks}) == 1

    @pytest.mark.parametrize("path", ["/v1/cases.geojson", "/v1/cases.csv"])
    def test_only_bookmarks_of_the_same_path_are_taken(self, anna: Caller, path: str) -> None:
        bookmarks = {each: since(anna, each) for each in ("/v1/cases.geojson", "/v1/cases.csv")}
        replies = {
            bookmark: anna("GET", f"{path}?since={bookmark}")
            for bookmark in (*bookmarks.values(), "x")
        }
        assert replies[bookmarks[path]].status_code == 200
        statuses = sorted(reply.status_code for reply in replies.values())
        assert statuses == [200, 400, 400]
        assert anna("GET", "/v1/feeds/cases.atom?since=x").status_code == 422


def since(caller: Caller, path: str, **headers: str) -> str:
    reply = caller("GET", path, headers=headers)
    assert reply.status_code == 200
    return str(reply.headers["Klarity-Since"])


def seen(reply: Any) -> dict[str, str]:
    """The header that lets a question see this write."""
    return {"Klarity-Token": reply.headers["Klarity-Token"]}
