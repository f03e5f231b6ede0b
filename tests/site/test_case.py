"""The page of a case, without scripts."""

import re
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from application.engine.executor import CommandContext
from config.process import Process
from domain.actors import SYSTEM
from domain.cases.case_commands import RefuseEvidence
from domain.ids import EvidenceId, MediaKind
from tests.http.conftest import Caller, eventually
from tests.http.public_cases import PublicCase, now, publish, withdraw
from tests.site.conftest import Reader

ADDRESS = "https://klarity.example"
HOSTILE = '"><script>alert(1)</script>'
STORY = "They asked for money.\nIn cash.\n\n<b>Twice</b> & more."


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"PUBLIC_URL": f"{ADDRESS}/"}


@pytest.fixture(scope="module")
def case(process: Process, anna: Caller) -> PublicCase:
    return published(process, anna)


def published(
    process: Process, author: Caller, kind: MediaKind = MediaKind.PHOTO, **body: Any
) -> PublicCase:
    """Return a public case that can be discussed."""
    case = publish(process, author, kind, **body)
    for shown_by in (f"/v1/cases/{case.case_id}", "/v1/me/cases"):
        assert author("GET", shown_by, headers=case.seen).status_code == 200
    return case


def path_of(case: PublicCase, below: str = "") -> str:
    return f"/cases/{case.case_id}{below}"


def meta(reader: Reader) -> dict[str, str]:
    return {
        found.get("property") or found.get("name"): found.get("content", "")
        for found in reader.soup.find_all("meta")
    }


class TestReading:
    def test_the_page_shows_the_case(self, process: Process, anna: Caller, reader: Reader) -> None:
        place = {"lat": 1, "lon": 2, "name": "Harbour <office>"}
        case = published(
            process, anna, story=STORY, tags=["permits"], location=place, occurred_on="2026-02-01"
        )
        reader.open(path_of(case))
        for told in (
            "A permit for a bribe",
            "<b>Twice</b> & more.",
            "Harbour <office>",
            "February 1, 2026",
            "permits",
            anna.pseudonym,
            "ab" * 32,
        ):
            assert told in reader.text
        assert len(reader.soup.select(".story p")) == 2

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
        self, process: Process, anna: Caller, reader: Reader, kind: MediaKind, tag: str
    ) -> None:
        case = published(process, anna, kind)
        (shown,) = reader.open(path_of(case)).find_all(tag)
        at = f"/v1/evidence/{case.evidence_id}"
        assert shown["src"] == (f"{at}/poster" if tag == "img" else f"{at}/content")
        assert shown.has_attr("controls") is (tag != "img")
        assert shown.get("preload") == (None if tag == "img" else "none")
        assert shown.get("poster") == (f"{at}/poster" if tag == "video" else None)
        assert len(reader.soup.find_all("a", href=f"{at}/content")) == (tag == "img")

    def test_who_only_reads_gets_no_cookie_no_form_and_an_etag(
        self, reader: Reader, case: PublicCase
    ) -> None:
        reader.open(path_of(case))
        assert "Set-Cookie" not in reader.headers
        assert {form["method"] for form in reader.soup.find_all("form")} == {"get"}
        etag = {"If-None-Match": reader.headers["ETag"]}
        assert reader.client.get(path_of(case), headers=etag).status_code == 304
        links = {link["href"] for link in reader.soup.select("#actions a")}
        assert f"/sign-in?next={path_of(case)}" in links

    def test_the_page_has_the_metadata_of_previews(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = published(process, anna, story="word " * 100, tags=["roads"])
        reader.open(path_of(case))
        address = f"{ADDRESS}{path_of(case)}"
        picture = f"{ADDRESS}/v1/evidence/{case.evidence_id}/poster"
        found = meta(reader)
        assert found["og:title"] == found["twitter:title"] == "A permit for a bribe"
        assert found["og:url"] == address
        assert found["og:image"] == found["twitter:image"] == picture
        assert found["twitter:card"] == "summary_large_image"
        assert found["article:tag"] == "roads"
        assert len(found["og:description"]) == 200
        link = reader.soup.find("link", type="application/json+oembed")
        assert link["href"] == f"{ADDRESS}/oembed?url={quote(address, safe='')}&format=json"

    def test_the_preview_of_a_case_without_a_poster_has_no_image(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        reader.open(path_of(published(process, anna, MediaKind.AUDIO)))
        assert "og:image" not in meta(reader)
        assert meta(reader)["twitter:card"] == "summary"

    def test_texts_of_members_are_escaped(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        place = {"lat": 1, "lon": 2, "name": HOSTILE}
        case = published(
            process, anna, title=HOSTILE, story=HOSTILE, tags=[HOSTILE], location=place
        )
        reader.open(path_of(case))
        assert all(script.get("src") for script in reader.soup.find_all("script"))
        assert meta(reader)["og:title"] == meta(reader)["og:description"] == HOSTILE
        assert reader.text.count(HOSTILE) >= 5

    def test_an_anonymous_author_is_on_no_page(self, process: Process, reader: Reader) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author, anonymous=True)
        for below in ("", "/share", "/proof.json", "/comments"):
            reply = reader.client.get(path_of(case, below))
            told = reply.get_data(as_text=True) + str(reply.headers)
            assert author.pseudonym not in told
            assert author.member_id not in told
        reader.open(path_of(case))
        assert "reported anonymously" in reader.text

    def test_no_page_of_an_anonymous_case_tells_the_hour(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = published(process, anna, anonymous=True)
        html = str(reader.open(path_of(case)))
        assert re.findall(r"\d{4}-\d\d-\d\dT(?!00:00:00Z)", html) == []

    def test_the_older_address_leads_to_the_page(self, reader: Reader, case: PublicCase) -> None:
        reply = reader.client.get(f"/share/{case.case_id}")
        assert (reply.status_code, reply.headers["Location"]) == (301, path_of(case))

    def test_a_case_that_is_not_public_is_not_found(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        waiting = anna.report().json["case_id"]
        case = published(process, anna)
        anna("GET", f"/v1/cases/{case.case_id}", headers=withdraw(anna, case))
        for case_id in (waiting, case.case_id, str(uuid4()), "no-case"):
            reader.open(f"/cases/{case_id}")
            assert reader.status == 404
            assert "permit" not in reader.text

    def test_an_erased_case_is_gone(self, process: Process, reader: Reader) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author, title="Soon forgotten")
        assert author.leave().status_code == 202
        eventually(lambda: (reader.open(path_of(case)) and reader.status == 410) or None)
        assert "removed at its author's wish" in reader.text
        assert "Soon forgotten" not in reader.text

    def test_the_proof_is_a_file(self, reader: Reader, case: PublicCase) -> None:
        reply: Any = reader.client.get(path_of(case, "/proof.json"))
        assert reply.headers["Content-Disposition"].startswith("attachment")
        assert reply.json["items"][0]["hash"]

    def test_the_past_is_shown_as_it_stood(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = published(process, anna)
        today = f"{now(process):%Y-%m-%d}"
        reader.open(path_of(case))
        reader.submit(path_of(case), as_of=today)
        assert reader.status == 200
        assert "As it stood at the end of" in reader.text
        reader.open(path_of(case, "?as_of=2020-01-01"))
        assert reader.status == 404
        reader.open(path_of(case, "?as_of=yesterday"))
        assert reader.status == 422

    def test_the_timeline_says_what_happened_and_by_which_role(
        self, reader: Reader, case: PublicCase
    ) -> None:
        reader.open(path_of(case))
        changes = [each.get_text(" ", strip=True) for each in reader.soup.select(".changes li")]
        assert "Reported by the reporter" in changes[0]
        assert any("Made public by Klarity" in change for change in changes)

    def test_somebody_without_an_account_can_share(self, reader: Reader, case: PublicCase) -> None:
        reader.open(path_of(case, "/share"))
        links = [link["href"] for link in reader.soup.select(".networks a")]
        address = quote(f"{ADDRESS}{path_of(case)}", safe="")
        assert len(links) == 8
        assert all(address in link for link in links)
        assert "Set-Cookie" not in reader.headers


class TestEngaging:
    @pytest.mark.parametrize(
        "told",
        [("support", "Me too 1", "Me too 0"), ("follow", "Following 1", "Follow 0")],
    )
    def test_a_member_begins_and_ends_it(
        self, process: Process, anna: Caller, reader: Reader, told: tuple[str, str, str]
    ) -> None:
        what, begun, ended = told
        case = published(process, anna)
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(path_of(case))
        reader.submit(path_of(case, f"/{what}"))
        assert (reader.where, reader.status) == (path_of(case), 200)
        assert begun in reader.text
        reader.submit(path_of(case, f"/{what}"))
        assert ended in reader.text

    def test_a_member_shares_and_is_led_on(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = published(process, anna)
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(path_of(case, "/share"))
        reader.submit(path_of(case, "/shared"), network="whatsapp")
        refresh = reader.soup.find("meta", {"http-equiv": "refresh"})["content"]
        assert refresh.startswith("0;url=https://wa.me/?text=")
        reader.open(path_of(case))
        assert "WhatsApp 1" in reader.text

    def test_a_share_elsewhere_leads_nowhere(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = published(process, anna)
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(path_of(case, "/share"))
        reader.submit(path_of(case, "/shared"), network="other")
        assert reader.soup.find("meta", {"http-equiv": "refresh"}) is None
        reader.open(path_of(case, "/share"))
        reader.submit(path_of(case, "/shared"), network="pigeon")
        assert reader.status == 422

    def test_a_member_reports_a_problem_once(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = published(process, anna)
        where = path_of(case, f"/flag/case/{case.case_id}")
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(where)
        assert len(reader.soup.select("input[name=rule]")) == 9
        eventually(lambda: self.flagged(reader, where) or None)
        reader.open(where)
        reader.submit(where, rule="falsehood", note="And again.")
        assert reader.status == 409
        assert reader.soup.find("textarea", {"name": "note"}).get_text().strip() == "And again."

    def flagged(self, reader: Reader, where: str) -> bool:
        """Report the problem. Moderation learns of a case a little later than it is public."""
        reader.open(where)
        reader.submit(where, rule="falsehood", note="It was on Monday.")
        return "A moderator will look at it" in reader.text

    def test_who_is_not_signed_in_is_led_there_and_back(
        self, reader: Reader, anna: Caller, case: PublicCase
    ) -> None:
        for below in (f"/flag/case/{case.case_id}", "/name", "/amend", "/withdraw"):
            reader.open(path_of(case, below))
            assert reader.where == "/sign-in"
            assert reader.soup.find("input", {"name": "next"})["value"] == path_of(case, below)


@pytest.fixture
def open_case(process: Process, anna: Caller, ben: Caller) -> PublicCase:
    """A case whose discussion is open."""
    case = published(process, anna)
    body = {"text": "I saw it too.", "comment_id": str(uuid4())}
    where = f"/v1/cases/{case.case_id}/comments"
    reply = eventually(lambda: made(ben("POST", where, body)))
    ben("GET", where, headers={"Klarity-Token": reply.headers["Klarity-Token"]})
    return case


def made(reply: Any) -> Any:
    return reply if reply.status_code == 201 else None


class TestDiscussing:
    def test_a_member_comments_answers_changes_and_removes(
        self, open_case: PublicCase, reader: Reader
    ) -> None:
        path = path_of(open_case)
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(path)
        reader.submit(f"{path}/comments", text="One line.\r\nAnother. شكرا")
        assert "Your comment is public." in reader.text
        (own,) = [link for link in links_below(reader, path) if "change" in link.get_text()]
        reader.open(own["href"])
        reader.submit(f"{path}/comments", text="An answer to myself.")
        assert reader.soup.select("[data-depth='1']")
        reader.open(own["href"])
        reader.submit(own["href"], text="Changed.")
        assert "Your comment is changed." in reader.text
        assert "One line" not in reader.text
        reader.open(own["href"])
        reader.submit(f"{own['href']}/remove")
        assert "Its author removed this comment." in reader.text

    def test_somebody_else_can_answer_and_not_change(
        self, open_case: PublicCase, reader: Reader, another_reader: Reader
    ) -> None:
        path = path_of(open_case)
        reader.open(path)
        (link,) = links_below(reader, path)
        reader.open(link["href"])
        assert "Sign in to comment" in reader.text
        another_reader.join(f"Neighbour {uuid4().hex[:6]}").open(link["href"])
        actions = {form["action"] for form in another_reader.soup.find_all("form")}
        assert actions == {f"{path}/comments"}

    def test_the_reporter_is_marked_and_finds_their_own_comments(
        self, process: Process, ben: Caller, reader: Reader
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author, anonymous=True)
        where = f"/v1/cases/{case.case_id}/comments"
        reply = eventually(lambda: made(author("POST", where, {"text": "It was me."})))
        author("GET", where, headers={"Klarity-Token": reply.headers["Klarity-Token"]})
        reader.sign_in(author).open(path_of(case))
        assert "The reporter" in reader.text
        assert [link.get_text() for link in links_below(reader, path_of(case))] == [
            "Answer or change"
        ]

    def test_a_long_discussion_has_pages(
        self, open_case: PublicCase, ben: Caller, reader: Reader, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("entrypoints.site.case.COMMENTS", 1)
        path = path_of(open_case)
        reply = ben("POST", f"/v1{path}/comments", {"text": "The second one."})
        assert reply.status_code == 201
        ben("GET", f"/v1{path}/comments", headers={"Klarity-Token": reply.headers["Klarity-Token"]})
        reader.open(path)
        assert "The second one." not in reader.text
        (more,) = [link for link in reader.soup.find_all("a") if link.get_text() == "More comments"]
        reader.open(more["href"])
        assert "The second one." in reader.text


def links_below(reader: Reader, path: str) -> list[Any]:
    return reader.soup.find_all("a", href=re.compile(f"{path}/comments/[-0-9a-f]+$"))  # type: ignore[no-any-return]  # of an untyped attribute


class TestNothingIsLost:
    TEXT = "I was there, and I saw it with my own eyes."

    def test_a_comment_of_an_ended_session_is_sent_after_signing_in_again(
        self, process: Process, open_case: PublicCase, reader: Reader
    ) -> None:
        path = path_of(open_case)
        writer = Caller(process.app.test_client()).join()
        reader.sign_in(writer).open(path)
        ended = writer("DELETE", "/v1/sessions")
        assert ended.status_code == 204
        reader.submit(f"{path}/comments", text=self.TEXT)
        assert reader.status == 401
        assert reader.soup.find("textarea").get_text().strip() == self.TEXT
        reader.submit(f"{path}/comments", pseudonym=writer.pseudonym, passphrase="not this one")
        assert reader.status == 401
        assert reader.soup.find("textarea").get_text().strip() == self.TEXT
        reader.submit(
            f"{path}/comments", pseudonym=writer.pseudonym, passphrase="four plain words here"
        )
        assert (reader.status, reader.where) == (200, path)
        assert self.TEXT in reader.text

    def test_a_stale_form_is_shown_again(self, open_case: PublicCase, reader: Reader) -> None:
        path = path_of(open_case)
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(path)
        reader.submit(f"{path}/comments", text=self.TEXT, csrf_token="of yesterday")
        assert reader.status == 400
        assert reader.soup.find("textarea").get_text().strip() == self.TEXT
        reader.submit(f"{path}/comments")
        assert self.TEXT in reader.text

    def test_a_form_of_another_site_is_refused(self, open_case: PublicCase, reader: Reader) -> None:
        headers = {"Sec-Fetch-Site": "cross-site"}
        path = path_of(open_case, "/comments")
        reply = reader.client.post(path, data={"text": "Not mine."}, headers=headers)
        assert reply.status_code == 400
        assert "Not mine." not in reply.get_data(as_text=True)

    def test_a_text_that_is_too_long_is_shown_again(
        self, open_case: PublicCase, reader: Reader
    ) -> None:
        path = path_of(open_case)
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(path)
        reader.submit(f"{path}/comments", text="x" * 5001)
        assert reader.status == 422
        assert len(reader.soup.find("textarea").get_text().strip()) == 5001


class TestAuthor:
    def test_the_author_amends_and_others_see_it(
        self, process: Process, reader: Reader, another_reader: Reader
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author)
        path = path_of(case)
        reader.sign_in(author).open(path)
        assert {link.get_text() for link in reader.soup.select("#actions a")} >= {
            "Change",
            "Add evidence",
            "Withdraw",
        }
        reader.open(f"{path}/amend")
        reader.submit(f"{path}/amend", title="A permit for two bribes", occurred_on="2026-03-03")
        assert "Your report is changed." in reader.text
        another_reader.open(path)
        assert "A permit for two bribes" in another_reader.text
        assert "Text changed" in another_reader.text

    def test_an_amendment_of_an_older_version_is_not_lost(
        self, process: Process, reader: Reader
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author)
        path = path_of(case)
        reader.sign_in(author).open(f"{path}/amend")
        assert author("PATCH", f"/v1{path}", {"title": "Meanwhile"}).status_code == 204
        reader.submit(f"{path}/amend", story="My better words.")
        assert reader.status == 412
        assert "My better words." in str(reader.soup)

    def test_the_author_withdraws_and_still_sees_it(
        self, process: Process, reader: Reader, another_reader: Reader
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author)
        path = path_of(case)
        reader.sign_in(author).open(f"{path}/withdraw")
        reader.submit(f"{path}/withdraw")
        assert "Withdrawn: only you and moderators see this." in reader.text
        assert f"/evidence/{case.evidence_id}/poster" in str(reader.soup)
        another_reader.open(path)
        assert another_reader.status == 404

    def test_the_author_of_a_case_without_evidence_learns_what_is_missing(
        self, process: Process, reader: Reader
    ) -> None:
        author = Caller(process.app.test_client()).join()
        evidence = EvidenceId(str(uuid4()))
        case_id = author.report(evidence=[evidence], anonymous=True).json["case_id"]
        command = RefuseEvidence(
            evidence_id=evidence, reason="We could not read it.", by=SYSTEM, at=now(process)
        )
        process.container.executors().cases.execute(case_id, command, CommandContext())
        reader.sign_in(author)
        eventually(lambda: "could not read" in reader.open(f"/cases/{case_id}").text or None)
        assert "Not public yet: only you and moderators see this." in reader.text
        assert "It needs evidence that can be shown" in reader.text
        assert reader.soup.find("a", href=f"/report/{case_id}")

    def test_the_author_of_a_hidden_case_learns_why_and_can_appeal(
        self, process: Process, moderator: Caller, reader: Reader
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author)
        body = {"decision": "hide", "rule": "falsehood", "reason": "It was another office."}
        decide = f"/v1/moderation/case/{case.case_id}/decisions"
        reply = eventually(lambda: made(moderator("POST", decide, body)))
        reader.sign_in(author)
        eventually(lambda: "another office" in reader.open(path_of(case)).text or None)
        assert "Hidden: only you and moderators see this." in reader.text
        assert "Nothing you know to be untrue" in reader.text
        decision = reply.json["decision_id"]
        assert reader.soup.find("a", href=f"/decisions/{decision}/appeal")
        reader.open(f"/decisions/{decision}/appeal")
        assert reader.status == 200

    def test_the_author_takes_evidence_back(self, process: Process, reader: Reader) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author)
        path = path_of(case)
        reader.sign_in(author).open(path)
        reader.submit(f"{path}/evidence/{case.evidence_id}/retract")
        assert "This evidence is not part of your report any more." in reader.text
        assert "It needs evidence that can be shown" in reader.text
        assert not reader.soup.select("figure")

    def test_the_author_answers_suggestions(
        self, process: Process, reader: Reader, another_reader: Reader
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case = published(process, author)
        path = path_of(case)
        another_reader.join(f"Neighbour {uuid4().hex[:6]}").open(path)
        for tag in ("harbour", "nonsense"):
            another_reader.submit(f"{path}/tags", tag=tag)
        assert "Take it back" in another_reader.text
        reader.sign_in(author).open(path)
        reader.submit(f"{path}/proposals/0", answer="accept")
        assert reader.soup.find("a", href="/cases?tag=harbour")
        reader.submit(f"{path}/proposals/1", answer="decline")
        assert "nonsense" not in reader.text
        reader.submit(f"{path}/tags/remove", tag="harbour")
        assert "The tag is removed." in reader.text


class TestNaming:
    def test_a_member_names_somebody_and_takes_it_back(
        self, process: Process, anna: Caller, reader: Reader
    ) -> None:
        case = published(process, anna)
        path = path_of(case)
        reader.join(f"Neighbour {uuid4().hex[:6]}").open(f"{path}/name")
        named = {"name": "Clerk Osman", "role": "took the money", "evidence": case.evidence_id}
        reader.submit(f"{path}/name", named)
        assert "Clerk Osman" in reader.text
        (back,) = [
            form["action"]
            for form in reader.soup.find_all("form")
            if str(form.get("action")).endswith("/retract")
        ]
        reader.submit(back)
        assert "Clerk Osman" not in reader.text

    def test_a_moderator_lets_the_person_answer(
        self, process: Process, anna: Caller, moderator: Caller, reader: Reader
    ) -> None:
        case = published(process, anna)
        path = path_of(case)
        body = {"kind": "person", "name": "Clerk Osman", "role": "took the money"}
        party = anna("POST", f"/v1{path}/parties", body).json["party_id"]
        reader.sign_in(moderator)
        eventually(lambda: "Clerk Osman" in reader.open(path).text or None)
        reader.submit(f"{path}/parties/{party}/invite")
        assert f"{ADDRESS}/dispute/" in reader.text


def test_a_delayed_case_tells_its_author_that_it_waits_and_nobody_a_time(
    process: Process, reader: Reader, another_reader: Reader
) -> None:
    author = Caller(process.app.test_client()).join()
    case = publish(process, author, anonymous=True, publish_within=24)
    for shown_by in (f"/v1/cases/{case.case_id}", "/v1/me/cases"):
        author("GET", shown_by, headers=case.seen)
    reader.sign_in(author).open(path_of(case))
    assert "becomes public by itself" in reader.text
    assert "At the latest:" in reader.text
    assert reader.soup.find_all("time") == []
    another_reader.open(path_of(case))
    assert another_reader.status == 404
