"""What a community does together on every deployment: enrich, discuss and judge cases."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests

from tests.acceptance.conftest import ROOT
from tests.system.phone import Phone, Stream, assert_becomes, eventually, is_public, once_known

pytestmark = pytest.mark.system

NOTE = "I was there, and it was otherwise."
REASON = "It names a street and a house."


@pytest.fixture(scope="module")
def moderators(url: str) -> Iterator[tuple[Phone, Phone]]:
    """Two of them: who decides does not resolve the appeal."""
    with Phone(url) as one, Phone(url) as other:
        yield appointed(one), appointed(other)


@pytest.fixture
def moderator(moderators: tuple[Phone, Phone]) -> Phone:
    return moderators[0]


@pytest.fixture
def fresh(url: str) -> Iterator[list[Phone]]:
    """Accounts that somebody makes to hide a case with."""
    with ExitStack() as stack:
        yield [stack.enter_context(Phone(url)).join() for _ in range(6)]


def appointed(phone: Phone) -> Phone:
    """The phone of a new moderator, appointed by the first admin."""
    phone.join()
    with Phone(phone.url, ROOT).sign_in() as root:
        path = f"/v1/members/{phone.member_id}/roles/moderator"
        assert root.call("PUT", path).status_code == 204
    return phone


def say(phone: Phone, case_id: str, text: str, **more: str) -> str:
    """Comment on a case, as soon as its discussion is open; the comment's id."""
    path = f"/v1/cases/{case_id}/comments"
    reply = once_known(lambda: phone.call("POST", path, {"text": text, **more}))
    assert reply.status_code == 201, reply.text
    comment_id: str = reply.json()["comment_id"]
    with Phone(phone.url) as passer_by:
        assert_becomes(lambda: passer_by.get(f"/v1/comments/{comment_id}").status_code, 200)
    return comment_id


def name_party(phone: Phone, case_id: str, **more: Any) -> str:
    body = {"kind": "person", "name": "Clerk Osman", "role": "took the money", **more}
    reply = phone.call("POST", f"/v1/cases/{case_id}/parties", body)
    assert reply.status_code == 201, reply.text
    party_id: str = reply.json()["party_id"]
    phone.case_when(case_id, lambda case: party_id in str(case["parties"]))
    return party_id


def flag(phone: Phone, kind: str, subject_id: str, **more: str) -> requests.Response:
    body = {"subject_kind": kind, "subject_id": subject_id, "rule": "falsehood", "note": ""}
    return once_known(lambda: phone.call("POST", "/v1/flags", {**body, **more}))


def decide(moderator: Phone, kind: str, subject_id: str, decision: str) -> str:
    """What the moderator decides on it, once that changes something; the decision's id."""

    def made() -> requests.Response | None:
        reply = once_known(lambda: decided(moderator, subject_id, decision, kind))
        return None if "nothing-to-decide" in reply.text else reply

    reply = eventually(made)
    assert reply.status_code == 201, reply.text
    decision_id: str = reply.json()["decision_id"]
    return decision_id


def decided(
    moderator: Phone, subject_id: str, decision: str, kind: str = "case"
) -> requests.Response:
    path = f"/v1/moderation/{kind}/{subject_id}/decisions"
    body = {"decision": decision, "rule": "private-information", "reason": REASON}
    return moderator.call("POST", path, body)


def appeal(phone: Phone, decision_id: str) -> requests.Response:
    path = f"/v1/moderation/decisions/{decision_id}/appeals"
    return phone.call("POST", path, {"statement": "The street is a public one."})


def resolve(phone: Phone, appeal_id: str, outcome: str) -> requests.Response:
    path = f"/v1/moderation/appeals/{appeal_id}/resolution"
    return phone.call("POST", path, {"outcome": outcome, "reason": "So it is."})


def waiting(moderator: Phone, subject_id: str) -> dict[str, Any] | None:
    """The queue item of the subject, if there is one."""
    items = moderator.get("/v1/moderation/queue?limit=100").json()["items"]
    return next((item for item in items if item["subject_id"] == subject_id), None)


def status(phone: Phone, path: str) -> int:
    return phone.get(path).status_code


def problem(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["type"].removeprefix("/problems/")


def proposals(phone: Phone, case_id: str, count: int) -> list[dict[str, Any]]:
    """The proposals for a case, once the phone sees so many."""

    def seen() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = phone.get(f"/v1/cases/{case_id}/proposals").json()["items"]
        return items if len(items) == count else None

    return eventually(seen)


def accept_proposals(author: Phone, case_id: str, count: int) -> None:
    """Accept what is proposed. The case shows it when this returns."""
    path = f"/v1/cases/{case_id}"
    for proposal in proposals(author, case_id, count):
        accepted = author.call("POST", f"{path}/proposals/{proposal['number']}/acceptance")
        assert accepted.status_code == 204
        token = accepted.headers["Klarity-Token"]
        eventually(partial(includes, author, path, token))


def includes(phone: Phone, path: str, token: str) -> bool | None:
    """Whether the resource includes the write that the token stands for."""
    return phone.get(path, Klarity_Token=token).ok or None


class TestEnriching:
    @pytest.mark.every_deployment("parties reach the case by the bus")
    def test_members_add_to_the_case_of_another_member(
        self, anna: Phone, ben: Phone, public_case: str, files: Path
    ) -> None:
        path = f"/v1/cases/{public_case}"
        own = ben.upload(files / "paper.pdf")
        place = {"lat": 10.0, "lon": 20.0, "precision": "city", "name": "Harbour"}
        assert ben.call("PUT", f"{path}/location", place).status_code == 204
        assert ben.call("POST", f"{path}/tags/customs").status_code == 204
        assert ben.call("POST", f"{path}/evidence", {"evidence": [own]}).status_code == 204
        party = name_party(ben, public_case, evidence=[own])
        accept_proposals(anna, public_case, 2)

        case = anna.case_when(public_case, lambda case: len(case["evidence"]) == 2)
        assert (case["location"], case["tags"]) == (place, ["customs"])
        assert case["author"]["member_id"] == anna.member_id
        (shown,) = case["parties"]
        assert shown["party_id"] == party
        assert shown["evidence"] == [own]
        assert shown["added_by"] == {"member_id": ben.member_id, "pseudonym": ben.pseudonym}
        changes = anna.get(f"{path}/history").json()["items"]
        roles = {change["what"]: change["role"] for change in changes}
        assert roles["CaseReported"] == "author"
        assert roles["CaseTagged"] == roles["EvidenceAttached"] == "contributor"

    def test_contributors_retract_their_own_contributions_only(
        self, anna: Phone, ben: Phone, carla: Phone, public_case: str, files: Path
    ) -> None:
        path = f"/v1/cases/{public_case}"
        before = {"lat": 1.0, "lon": 2.0, "precision": "city", "name": "Market"}
        anna.call("PUT", f"{path}/location", before)
        evidence = ben.upload(files / "paper.pdf")
        ben.call("POST", f"{path}/evidence", {"evidence": [evidence]})
        party = name_party(ben, public_case)
        ben.call("POST", f"{path}/tags/customs")
        ben.call("PUT", f"{path}/location", {"lat": 10, "lon": 20})
        accept_proposals(anna, public_case, 2)
        anna.case_when(public_case, lambda case: len(case["evidence"]) == 2)
        theirs = ("location", "tags/customs", f"evidence/{evidence}", f"parties/{party}")
        for part in theirs:
            assert carla.call("DELETE", f"{path}/{part}").status_code == 403
            assert ben.call("DELETE", f"{path}/{part}").status_code == 204
        case = anna.case_when(public_case, lambda case: not (case["parties"] or case["tags"]))
        assert case["location"] == before
        assert evidence not in str(case)
        assert is_public(case)

    def test_authors_retract_contributions_of_others(
        self, anna: Phone, ben: Phone, public_case: str
    ) -> None:
        path = f"/v1/cases/{public_case}"
        party = name_party(ben, public_case)
        ben.call("POST", f"{path}/tags/customs")
        accept_proposals(anna, public_case, 1)
        assert anna.call("DELETE", f"{path}/parties/{party}").status_code == 204
        assert anna.call("DELETE", f"{path}/tags/customs").status_code == 204
        anna.case_when(public_case, lambda case: not (case["parties"] or case["tags"]))

    @pytest.mark.parametrize("anonymous", [False, True])
    def test_what_a_stranger_says_of_a_case_is_shown_once_its_author_accepts_it(
        self, anna: Phone, ben: Phone, carla: Phone, own_photo: str, anonymous: bool
    ) -> None:
        case_id = anna.report(evidence=[own_photo], anonymous=anonymous).json()["case_id"]
        anna.case_when(case_id, is_public)
        path = f"/v1/cases/{case_id}"
        home = {"lat": 10, "lon": 20, "name": "home of Jane Roe"}
        assert ben.call("PUT", f"{path}/location", home).status_code == 204
        assert ben.call("POST", f"{path}/tags/customs").status_code == 204
        place, tag = proposals(anna, case_id, 2)
        assert (place["location"]["name"], tag["tag"]) == ("home of Jane Roe", "customs")
        assert carla.get(f"{path}/proposals").json()["items"] == []
        told = "".join(carla.get(path + more).text for more in ("", "/history", "/proof"))
        assert "Jane Roe" not in told
        proposal = f"{path}/proposals/{place['number']}"
        for phone, code in ((carla, 404), (ben, 403)):
            assert phone.call("POST", f"{proposal}/acceptance").status_code == code
        assert carla.call("DELETE", proposal).status_code == 404
        assert anna.call("DELETE", proposal).status_code == 204
        accept_proposals(anna, case_id, 1)
        case = carla.case_when(case_id, lambda case: case["tags"] == ["customs"])
        assert case["location"] is None

    def test_contributions_and_comments_of_an_anonymous_author_are_anonymous(
        self, anna: Phone, passer_by: Phone, own_photo: str
    ) -> None:
        case_id = anna.report(evidence=[own_photo], anonymous=True).json()["case_id"]
        anna.case_when(case_id, is_public)
        party = name_party(anna, case_id)
        case = passer_by.case_when(case_id, lambda case: bool(case["parties"]))
        (shown,) = case["parties"]
        assert (shown["party_id"], shown["added_by"]) == (party, None)
        path = f"/v1/cases/{case_id}"
        told = "".join(passer_by.get(path + more).text for more in ("", "/history", "/proof"))
        assert anna.member_id not in told
        assert anna.pseudonym not in told


class TestParties:
    def test_a_party_disputes_once_for_each_link_without_an_account(
        self, ben: Phone, moderator: Phone, passer_by: Phone, public_case: str
    ) -> None:
        party = name_party(ben, public_case)
        path = f"/v1/cases/{public_case}/parties/{party}"
        assert ben.call("POST", f"{path}/dispute-link").status_code == 403
        body = {"token": invitation(moderator, path), "statement": "I gave a receipt."}
        assert passer_by.call("POST", f"{path}/dispute", body).status_code == 204
        assert disputes(passer_by, public_case) == ["I gave a receipt."]
        again = passer_by.call("POST", f"{path}/dispute", {**body, "statement": "Once more"})
        assert problem(again) == (409, "already-disputed")
        forged = passer_by.call("POST", f"{path}/dispute", {**body, "token": "forged"})
        assert problem(forged) == (403, "bad-link")

    def test_a_dispute_link_tells_which_claim_it_answers(
        self, ben: Phone, moderator: Phone, passer_by: Phone, public_case: str
    ) -> None:
        party = name_party(ben, public_case)
        token = invitation(moderator, f"/v1/cases/{public_case}/parties/{party}")
        found = passer_by.get(f"/v1/disputes/{token}").json()
        assert (found["case_id"], found["party_id"]) == (public_case, party)

    def test_a_party_disputes_with_the_form_of_the_link(
        self, ben: Phone, moderator: Phone, passer_by: Phone, public_case: str
    ) -> None:
        party = name_party(ben, public_case)
        token = invitation(moderator, f"/v1/cases/{public_case}/parties/{party}")
        address = f"{passer_by.url}/dispute/{token}"
        form = requests.get(address, timeout=30)
        assert (form.status_code, form.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert '<form method="post">' in form.text
        assert "set-cookie" not in form.headers
        sent = {"statement": "I was <b>ill</b> that day."}
        done = requests.post(address, data=sent, timeout=30)
        assert (done.status_code, f"/cases/{public_case}" in done.text) == (200, True)
        assert disputes(passer_by, public_case) == ["I was <b>ill</b> that day."]
        assert "I was <b>ill" not in passer_by.get(f"/cases/{public_case}").text
        assert requests.post(address, data=sent, timeout=30).status_code == 409

    def test_moderators_hide_a_party_and_its_case_stays_public(
        self, ben: Phone, moderator: Phone, passer_by: Phone, public_case: str
    ) -> None:
        name = f"Clerk {uuid4().hex}"
        party = name_party(ben, public_case, name=name)
        decide(moderator, "party", party, "hide")
        case = passer_by.case_when(public_case, lambda case: not case["parties"])
        assert is_public(case)
        found = partial(passer_by.get, f"/v1/cases?party={name}")
        assert_becomes(lambda: found().json()["items"], [])
        decide(moderator, "party", party, "restore")
        passer_by.case_when(public_case, lambda case: party in str(case["parties"]))
        assert_becomes(lambda: public_case in found().text, True)


def invitation(moderator: Phone, party_path: str) -> str:
    """The token of a link that a moderator makes for the party."""
    reply = moderator.call("POST", f"{party_path}/dispute-link")
    assert reply.status_code == 201, reply.text
    path, _, token = urlsplit(reply.json()["url"]).path.rpartition("/")
    assert path == "/dispute"
    return str(token)


def disputes(phone: Phone, case_id: str) -> list[str]:
    """What the one party to the case says to being named."""
    case = phone.case_when(case_id, lambda case: bool(case["parties"][0]["disputes"]))
    return [dispute["statement"] for dispute in case["parties"][0]["disputes"]]


class TestDiscussing:
    @pytest.mark.every_deployment("the discussion is opened by an event of another service")
    def test_a_public_case_is_discussed_in_threads(
        self, anna: Phone, ben: Phone, passer_by: Phone, public_case: str
    ) -> None:
        question = say(ben, public_case, "Which office was it?")
        answer = say(anna, public_case, "The one at the harbour.", parent_id=question)
        items = passer_by.get(f"/v1/cases/{public_case}/comments").json()["items"]
        assert [(item["comment_id"], item["parent_id"]) for item in items] == [
            (question, None),
            (answer, question),
        ]
        assert items[1]["author"] == {"member_id": anna.member_id, "pseudonym": anna.pseudonym}
        passer_by.case_when(public_case, lambda case: case["comments"] == 2)

    def test_commenting_on_an_unpublished_case_is_refused(self, anna: Phone, ben: Phone) -> None:
        waiting_case = anna.report().json()["case_id"]
        path = f"/v1/cases/{waiting_case}/comments"
        for phone in (anna, ben):
            assert problem(phone.call("POST", path, {"text": "Hello?"})) == (404, "not-found")

    def test_the_past_of_an_edited_comment_can_be_read(
        self, ben: Phone, carla: Phone, passer_by: Phone, public_case: str
    ) -> None:
        comment = say(ben, public_case, "It was on Monday.")
        path = f"/v1/comments/{comment}"
        before = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"
        assert carla.call("PATCH", path, {"text": "Never."}).status_code == 403
        assert ben.call("PATCH", path, {"text": "It was on Tuesday."}).status_code == 204
        assert_becomes(lambda: passer_by.get(path).json()["text"], "It was on Tuesday.")
        assert passer_by.get(path).json()["edited_at"]
        assert passer_by.get(f"{path}?as_of={before}").status_code == 404
        changes = passer_by.get(f"{path}/history").json()["items"]
        what = [change["what"] for change in changes]
        assert what == ["CommentWritten", "CommentShown", "CommentEdited"]

    def test_a_removed_comment_keeps_its_place_without_text(
        self, anna: Phone, ben: Phone, moderator: Phone, passer_by: Phone, public_case: str
    ) -> None:
        comment = say(ben, public_case, "Said too much.")
        answer = say(anna, public_case, "Indeed.", parent_id=comment)
        path = f"/v1/comments/{comment}"
        for phone in (anna, moderator):
            assert phone.call("DELETE", path).status_code == 403
        assert ben.call("DELETE", path).status_code == 204
        passer_by.case_when(public_case, lambda case: case["comments"] == 1)
        assert_becomes(lambda: status(passer_by, path), 404)
        removed, kept = passer_by.get(f"/v1/cases/{public_case}/comments").json()["items"]
        assert (removed["status"], removed["text"], removed["author"]) == ("removed", "", None)
        assert (kept["comment_id"], kept["parent_id"]) == (answer, comment)

    def test_moderators_lock_a_discussion(
        self, ben: Phone, moderator: Phone, public_case: str
    ) -> None:
        comment = say(ben, public_case, "And another thing:")
        path = f"/v1/cases/{public_case}"
        assert ben.call("PUT", f"{path}/discussion/lock").status_code == 403
        assert moderator.call("PUT", f"{path}/discussion/lock").status_code == 204
        for method, place in (("POST", f"{path}/comments"), ("PATCH", f"/v1/comments/{comment}")):
            assert problem(ben.call(method, place, {"text": "One more"})) == (409, "locked")
        assert moderator.call("DELETE", f"{path}/discussion/lock").status_code == 204
        say(ben, public_case, "At last.")

    def test_the_discussion_of_a_withdrawn_case_is_not_served(
        self, anna: Phone, ben: Phone, passer_by: Phone, public_case: str
    ) -> None:
        comment = say(ben, public_case, "Good that you tell.")
        anna.call("DELETE", f"/v1/cases/{public_case}")
        assert_becomes(lambda: status(passer_by, f"/v1/comments/{comment}"), 404)
        path = f"/v1/cases/{public_case}/comments"
        assert passer_by.get(path).json()["items"] == []
        assert ben.call("POST", path, {"text": "Too late?"}).status_code == 404


class TestFlagging:
    def test_a_member_flags_a_case_once_and_with_a_known_rule(
        self, anna: Phone, ben: Phone, passer_by: Phone, public_case: str
    ) -> None:
        assert passer_by.get("/v1/rules").json()["items"][0]["rule_id"]
        assert flag(ben, "case", public_case, rule="boredom").status_code == 422
        assert flag(passer_by, "case", public_case).status_code == 401
        assert flag(ben, "case", public_case).status_code == 201
        assert problem(flag(ben, "case", public_case, rule="spam")) == (409, "already-flagged")
        assert problem(flag(anna, "case", public_case)) == (409, "own-subject")
        assert is_public(passer_by.get(f"/v1/cases/{public_case}").json())

    def test_moderators_see_flags_without_their_members(
        self, newcomer: Phone, passer_by: Phone, moderator: Phone, public_case: str
    ) -> None:
        flag(newcomer, "case", public_case, note=NOTE)
        assert passer_by.get("/v1/moderation/queue").status_code == 401
        assert newcomer.get("/v1/moderation/queue").status_code == 403
        assert_becomes(lambda: weights(moderator, public_case), [0.0])
        item = eventually(lambda: waiting_with_text(moderator, public_case))
        assert (item["subject_kind"], item["case_id"]) == ("case", public_case)
        assert "They asked for money." in item["text"]
        (complaint,) = item["flags"]
        assert (complaint["rule"], complaint["note"]) == ("falsehood", NOTE)
        assert item["waiting_since"] == complaint["at"]
        assert newcomer.member_id not in str(item)
        assert newcomer.pseudonym not in str(item)

    @pytest.mark.every_deployment("a decision must reach every read model")
    def test_flags_of_enough_members_hide_a_case_everywhere_until_it_is_restored(
        self,
        anna: Phone,
        ben: Phone,
        passer_by: Phone,
        moderators: tuple[Phone, Phone],
        files: Path,
    ) -> None:
        moderator = moderators[0]
        tag = f"t{uuid4().hex}"
        video = anna.upload(files / "video.mp4")
        report = {"tags": [tag], "location": {"lat": 1, "lon": 2}, "evidence": [video]}
        case_id = anna.report(**report).json()["case_id"]
        anna.case_when(case_id, is_public)
        comment = say(ben, case_id, "I saw the same.")
        places = places_of(case_id, tag, video, comment)
        assert_becomes(lambda: showing(passer_by, places), set(places))

        assert [flag(phone, "case", case_id).status_code for phone in moderators] == [201] * 2
        assert_becomes(lambda: showing(passer_by, places), set())
        assert ben.get(f"/v1/cases/{case_id}").status_code == 404
        assert anna.get(f"/v1/cases/{case_id}").json()["status"] == "hidden"
        assert anna.get(f"/v1/evidence/{video}/content").status_code == 200
        assert_becomes(lambda: weights(moderator, case_id), [1.0] * 2)
        assert_becomes(lambda: shown_as(moderator, case_id, "hidden", "weight"), [True, 2.0])

        decide(moderator, "case", case_id, "restore")
        assert_becomes(lambda: showing(passer_by, places), set(places))
        assert_becomes(lambda: waiting(moderator, case_id), None)

    def test_six_fresh_accounts_hide_no_case_and_its_author_answers_flags_that_do(
        self,
        anna: Phone,
        fresh: list[Phone],
        passer_by: Phone,
        moderators: tuple[Phone, Phone],
        public_case: str,
    ) -> None:
        path, (moderator, another_moderator) = f"/v1/cases/{public_case}", moderators
        for phone in (*fresh, moderator):
            assert flag(phone, "case", public_case).status_code == 201
        assert_becomes(lambda: weights(moderator, public_case), [0.0] * 6 + [1.0])
        assert_becomes(lambda: shown_as(moderator, public_case, "hidden", "weight"), [False, 1.0])
        assert status(passer_by, path) == 200

        assert flag(another_moderator, "case", public_case).status_code == 201
        assert_becomes(lambda: status(passer_by, path), 404)
        assert_becomes(lambda: ("hidden", public_case) in told(anna), True)
        answer = f"/v1/moderation/case/{public_case}/answer"
        assert anna.call("POST", answer, {"statement": NOTE}).status_code == 204
        assert_becomes(lambda: answered(moderator, public_case), NOTE)
        decide(moderator, "case", public_case, "restore")
        assert_becomes(lambda: status(passer_by, path), 200)

    def test_changes_of_a_hidden_case_are_not_sent_as_updates(
        self, anna: Phone, passer_by: Phone, moderator: Phone, photo: str
    ) -> None:
        tag = uuid4().hex
        case_id = anna.report(evidence=[photo], tags=[tag]).json()["case_id"]
        anna.case_when(case_id, is_public)
        decide(moderator, "case", case_id, "hide")
        assert_becomes(lambda: status(passer_by, f"/v1/cases/{case_id}"), 404)
        with Stream(passer_by, tag) as stream:
            anna.call("PATCH", f"/v1/cases/{case_id}", {"title": "While it was hidden"})
            other = anna.report(evidence=[photo], tags=[tag]).json()["case_id"]
            assert stream.next() == ("case-published", other)
            decide(moderator, "case", case_id, "restore")
            assert stream.next() == ("case-published", case_id)
        assert passer_by.get(f"/v1/cases/{case_id}").json()["title"] == "While it was hidden"


def places_of(case_id: str, tag: str, evidence_id: str, comment_id: str) -> dict[str, str]:
    """Wherever a public case shows, and what shows there."""
    return {
        f"/v1/cases/{case_id}": case_id,
        f"/v1/cases/{case_id}/history": "CaseReported",
        f"/v1/cases/{case_id}/proof": "hash",
        f"/v1/cases?tag={tag}": case_id,
        "/v1/popular-cases?limit=100": case_id,
        "/v1/videos?limit=100": evidence_id,
        f"/v1/evidence/{evidence_id}": evidence_id,
        f"/v1/evidence/{evidence_id}/content": "",
        f"/v1/evidence/{evidence_id}/poster": "",
        f"/v1/cases/{case_id}/comments": comment_id,
        f"/v1/comments/{comment_id}": comment_id,
        f"/v1/feeds/cases.atom?tag={tag}": case_id,
        f"/v1/cases.geojson?tag={tag}": case_id,
        f"/v1/cases.csv?tag={tag}": case_id,
        f"/v1/cases/{case_id}/evidence": evidence_id,
        f"/cases/{case_id}": case_id,
    }


def showing(phone: Phone, places: dict[str, str]) -> set[str]:
    """Those of the places where it shows."""
    return {place for place, sign in places.items() if shows(phone.get(place), sign)}


def shows(reply: requests.Response, sign: str) -> bool:
    return reply.status_code == 200 and (not sign or sign in reply.text)


def shown_as(moderator: Phone, subject_id: str, *names: str) -> list[object]:
    """Fields of the queue item of the subject; empty if it is not in the queue."""
    item = waiting(moderator, subject_id)
    return [item[name] for name in names] if item else []


def waiting_with_text(moderator: Phone, subject_id: str) -> dict[str, Any] | None:
    """The queue item of the subject, once it has a text."""
    item = waiting(moderator, subject_id)
    return item if item and item["text"] else None


def told(phone: Phone) -> list[tuple[str, str]]:
    """What a member is told: the kinds, and of what."""
    items = phone.get("/v1/me/notifications?limit=100").json()["items"]
    return [(each["kind"], each["subject_id"]) for each in items]


def answered(moderator: Phone, subject_id: str) -> str:
    """What the author answered to the flags."""
    item = waiting(moderator, subject_id)
    said = item["answer"] if item else None
    return said["statement"] if said else ""


def weights(moderator: Phone, subject_id: str) -> list[float]:
    item = waiting(moderator, subject_id)
    return sorted(complaint["weight"] for complaint in item["flags"]) if item else []


class TestDeciding:
    @pytest.mark.every_deployment("each step goes through three services")
    def test_an_appeal_is_resolved_by_another_moderator(
        self,
        anna: Phone,
        ben: Phone,
        passer_by: Phone,
        moderators: tuple[Phone, Phone],
        public_case: str,
    ) -> None:
        moderator, another_moderator = moderators
        path = f"/v1/cases/{public_case}"
        decision = decide(moderator, "case", public_case, "hide")
        assert_becomes(lambda: status(passer_by, path), 404)
        assert_becomes(lambda: [deed["reason"] for deed in deeds(anna, public_case)], [REASON])
        assert deeds(anna, public_case)[0]["decision_id"] == decision
        assert appeal(ben, decision).status_code == 403
        reply = appeal(anna, decision)
        assert reply.status_code == 201, reply.text
        assert problem(appeal(anna, decision)) == (409, "already-appealed")

        appeal_id = reply.json()["appeal_id"]
        item = eventually(lambda: waiting(another_moderator, public_case))
        assert item["appeal"]["statement"] == "The street is a public one."
        assert problem(resolve(moderator, appeal_id, "uphold")) == (409, "same-moderator")
        assert resolve(ben, appeal_id, "overturn").status_code == 403
        assert resolve(another_moderator, appeal_id, "overturn").status_code == 204
        assert_becomes(lambda: status(passer_by, path), 200)
        assert_becomes(lambda: waiting(moderator, public_case), None)
        assert problem(resolve(another_moderator, appeal_id, "uphold")) == (409, "already-resolved")

    def test_another_decision_cannot_circumvent_an_appeal(
        self,
        anna: Phone,
        ben: Phone,
        passer_by: Phone,
        moderators: tuple[Phone, Phone],
        public_case: str,
    ) -> None:
        moderator, another_moderator = moderators
        path = f"/v1/cases/{public_case}"
        decision = decide(moderator, "case", public_case, "hide")
        assert_becomes(lambda: status(passer_by, path), 404)
        appeal(anna, decision)
        assert problem(decided(moderator, public_case, "restore")) == (409, "appeal-pending")
        assert resolve(another_moderator, decision, "overturn").status_code == 204
        assert_becomes(lambda: status(passer_by, path), 200)
        assert problem(decided(moderator, public_case, "hide")) == (409, "settled-on-appeal")
        flag(ben, "case", public_case)
        assert_becomes(lambda: len(weights(moderator, public_case)), 1)
        assert_becomes(
            lambda: problem(decided(moderator, public_case, "hide")), (409, "same-moderator")
        )
        decide(another_moderator, "case", public_case, "hide")
        assert_becomes(lambda: status(passer_by, path), 404)

    def test_an_upheld_decision_stays_in_force(
        self,
        anna: Phone,
        passer_by: Phone,
        moderators: tuple[Phone, Phone],
        public_case: str,
    ) -> None:
        moderator, another_moderator = moderators
        decision = decide(moderator, "case", public_case, "hide")
        appeal_id = appeal(anna, decision).json()["appeal_id"]
        assert resolve(another_moderator, appeal_id, "uphold").status_code == 204
        told = ["decided", "appealed", "appeal_resolved"]
        assert_becomes(lambda: [deed["what"] for deed in deeds(passer_by, public_case)][::-1], told)
        assert_becomes(lambda: status(passer_by, f"/v1/cases/{public_case}"), 404)

    def test_a_case_with_withheld_evidence_is_unpublished_until_it_has_other_evidence(
        self, anna: Phone, passer_by: Phone, moderator: Phone, files: Path
    ) -> None:
        photo = anna.upload(files / "photo.jpg")
        case_id = anna.report(evidence=[photo]).json()["case_id"]
        anna.case_when(case_id, is_public)
        path, content = f"/v1/cases/{case_id}", f"/v1/evidence/{photo}/content"
        decide(moderator, "evidence", photo, "hide")
        assert_becomes(lambda: (status(passer_by, path), status(passer_by, content)), (404, 404))
        case = anna.case_when(case_id, lambda case: not case["evidence"])
        assert case["status"] == "awaiting_evidence"
        decide(moderator, "evidence", photo, "restore")
        assert_becomes(lambda: (status(passer_by, path), status(passer_by, content)), (200, 200))
        assert [item["evidence_id"] for item in passer_by.get(path).json()["evidence"]] == [photo]

    def test_a_hidden_comment_keeps_its_place_and_can_be_restored(
        self, ben: Phone, passer_by: Phone, moderator: Phone, public_case: str
    ) -> None:
        comment = say(ben, public_case, "He lives at number seven.")
        passer_by.case_when(public_case, lambda case: case["comments"] == 1)
        decide(moderator, "comment", comment, "hide")
        path = f"/v1/comments/{comment}"
        assert_becomes(lambda: status(passer_by, path), 404)
        assert "number seven" not in passer_by.get(f"/v1/cases/{public_case}/comments").text
        passer_by.case_when(public_case, lambda case: case["comments"] == 0)
        decide(moderator, "comment", comment, "restore")
        assert_becomes(lambda: status(passer_by, path), 200)
        assert passer_by.get(path).json()["text"] == "He lives at number seven."
        passer_by.case_when(public_case, lambda case: case["comments"] == 1)

    def test_a_hidden_profile_is_visible_to_its_member_and_moderators_only(
        self, newcomer: Phone, carla: Phone, passer_by: Phone, moderator: Phone
    ) -> None:
        path = f"/v1/members/{newcomer.member_id}"
        assert_becomes(lambda: status(passer_by, path), 200)
        decide(moderator, "member", newcomer.member_id, "hide")
        assert_becomes(lambda: status(passer_by, path), 404)
        assert [status(phone, path) for phone in (carla, newcomer, moderator)] == [404, 200, 200]
        decide(moderator, "member", newcomer.member_id, "restore")
        assert_becomes(lambda: status(passer_by, path), 200)

    def test_many_subjects_can_be_decided_at_once(
        self, ben: Phone, passer_by: Phone, moderator: Phone, public_case: str
    ) -> None:
        comments = [say(ben, public_case, f"Buy stamps, part {part}!") for part in range(3)]
        subjects = [{"subject_kind": "comment", "subject_id": each} for each in comments]
        missing = {"subject_kind": "comment", "subject_id": str(uuid4())}
        body = {"decision": "hide", "rule": "spam", "reason": "Advertising."}
        many = {**body, "subjects": [*subjects, missing]}
        assert ben.call("POST", "/v1/moderation/decisions", many).status_code == 403
        for comment in comments:
            flag(moderator, "comment", comment, rule="spam")
        items = moderator.call("POST", "/v1/moderation/decisions", many).json()["items"]
        assert [item["problem"] for item in items] == [None, None, None, "not-found"]
        assert all(item["decision_id"] for item in items[:3])

        def texts() -> list[str]:
            found = passer_by.get(f"/v1/cases/{public_case}/comments").json()["items"]
            return [item["text"] for item in found]

        assert_becomes(texts, [""] * 3)

    def test_the_ledger_is_public_and_names_no_member(
        self,
        anna: Phone,
        ben: Phone,
        passer_by: Phone,
        moderators: tuple[Phone, Phone],
        public_case: str,
    ) -> None:
        moderator, another_moderator = moderators
        flag(ben, "case", public_case, note=NOTE)
        decision = decide(moderator, "case", public_case, "hide")
        appeal(anna, decision)
        resolve(another_moderator, decision, "overturn")
        told = ["decided", "appealed", "appeal_resolved"]
        assert_becomes(lambda: [deed["what"] for deed in deeds(passer_by, public_case)][::-1], told)
        resolved, appealed, decided = deeds(passer_by, public_case)
        assert (decided["verdict"], decided["rule"]) == ("hide", "private-information")
        assert (resolved["outcome"], resolved["verdict"]) == ("overturn", "restore")
        roles = [deed["role"] for deed in (decided, appealed, resolved)]
        assert roles == ["moderator", "author", "moderator"]
        ledger = passer_by.get("/v1/moderation/ledger?limit=100").text
        assert NOTE not in ledger
        for phone in (anna, ben, moderator, another_moderator):
            assert phone.member_id not in ledger
            assert phone.pseudonym not in ledger


def deeds(phone: Phone, subject_id: str) -> list[dict[str, Any]]:
    """What moderation did to this subject, the newest first."""
    path = f"/v1/moderation/ledger?subject={subject_id}"
    items: list[dict[str, Any]] = phone.get(path).json()["items"]
    return items
