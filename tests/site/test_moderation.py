"""Moderating without scripts: from a report of a problem to the outcome of an appeal."""

from typing import Any
from uuid import uuid4

import pytest

from config.process import Process
from tests.http.conftest import Caller, appointed, eventually
from tests.http.public_cases import publish
from tests.http.test_moderation import decide, flag, hidden, once_known, queued, raise_flag
from tests.http.test_parties import dispute, id_of, name_party
from tests.site.conftest import Reader

STATEMENT = "It is what I saw. <b>Look</b> at the picture."
REASON = "This is an advert, and nothing else."


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"HIDE_AT": "1"}


@pytest.fixture(scope="module")
def second(process: Process, admin: Caller) -> Caller:
    """Another moderator."""
    return appointed(process, admin)


@pytest.fixture
def case_id(process: Process, anna: Caller) -> str:
    """A public case of Anna's."""
    case = publish(process, anna, title="They sold me <i>a place</i>")
    path = f"/v1/cases/{case.case_id}"
    eventually(lambda: anna("GET", path, headers=case.seen).status_code == 200 or None)
    return case.case_id


@pytest.fixture
def flagged(case_id: str, ben: Caller, moderator: Caller) -> str:
    """The case, once its flag is in the queue."""
    flag(ben, case_id, note="It is <u>advertising</u>.")
    eventually(lambda: queued(moderator, case_id))
    return case_id


def page_of(process: Process, member: Caller) -> Reader:
    return Reader(process.site.test_client()).sign_in(member)


@pytest.fixture
def judge(process: Process, moderator: Caller) -> Reader:
    return page_of(process, moderator)


def item_of(reader: Reader, case_id: str) -> Any:
    return reader.soup.find(id=f"case-{case_id}")


def hide(reader: Reader, case_id: str, **more: str) -> None:
    """Hide the case by the form of its item."""
    reader.open(f"/moderation/case/{case_id}")
    fields = {"rule": "spam", "reason": REASON, "decision": "hide", **more}
    reader.submit(f"/moderation/case/{case_id}", fields)


def decision_on(reader: Reader, case_id: str) -> str:
    """Return the address of the newest decision on the case, once the ledger has it."""

    def found() -> Any:
        reader.open(f"/moderation/case/{case_id}")
        return reader.soup.find("a", href=lambda to: to and to.startswith("/decisions/"))

    return str(eventually(found)["href"])


class TestTheQueue:
    def test_shows_what_is_flagged_by_which_rule_with_notes(
        self, judge: Reader, flagged: str
    ) -> None:
        judge.open("/moderation")
        item = item_of(judge, flagged)
        text = item.get_text(" ", strip=True)
        assert "They sold" in text
        assert "They asked for money." in text
        assert "It is <u>advertising</u>." in text
        assert "Everybody sees it now" in text
        assert item.find("a", href="/rules#spam")
        assert item.find("bdi")
        assert item.find(["u", "i"]) is None

    def test_is_filtered_by_kind(self, judge: Reader, flagged: str) -> None:
        judge.open("/moderation")
        judge.submit("/moderation", kind="comment")
        assert item_of(judge, flagged) is None
        assert judge.soup.find("option", value="comment", selected=True)

    def test_is_for_moderators_alone(self, process: Process, ben: Caller, reader: Reader) -> None:
        member = page_of(process, ben)
        member.open("/moderation")
        assert member.status == 403
        assert member.soup.find("h1").get_text() == "Your account cannot do this."
        reader.open("/moderation")
        assert reader.status == 401
        assert reader.soup.find("input", {"name": "next"})["value"] == "/moderation"


class TestDeciding:
    def test_a_moderator_hides_a_case_with_a_rule_and_a_reason(
        self, judge: Reader, flagged: str, anybody: Caller
    ) -> None:
        hide(judge, flagged)
        assert judge.status == 200
        assert "Decided." in judge.text
        hidden(anybody, flagged)

    def test_what_was_decided_just_now_is_left_out_of_the_queue(
        self, judge: Reader, flagged: str
    ) -> None:
        fields = {"rule": "spam", "reason": "No.", "decision": "dismiss"}
        judge.open("/moderation?kind=case")
        judge.submit("/moderation?kind=case", {**fields, "subject": f"case/{flagged}"})
        assert "Decided." in judge.text
        assert item_of(judge, flagged) is None

    def test_several_are_decided_at_once(
        self, process: Process, anna: Caller, ben: Caller, moderator: Caller, judge: Reader
    ) -> None:
        cases = [publish(process, anna).case_id for _ in range(2)]
        for case_id in cases:
            flag(ben, case_id)
        eventually(lambda: all(queued(moderator, each) for each in cases) or None)
        judge.open("/moderation?kind=case")
        subjects = [f"case/{case_id}" for case_id in cases]
        assert all(judge.soup.find("input", value=each, form="together") for each in subjects)
        fields = {"subject": subjects, "rule": "spam", "reason": "Honest.", "decision": "dismiss"}
        judge.submit("/moderation?kind=case", fields)
        assert "2 decided." in judge.text
        eventually(lambda: not any(queued(moderator, each) for each in cases) or None)

    def test_what_another_moderator_decided_meanwhile_is_told_and_the_form_stays_filled(
        self, judge: Reader, flagged: str, second: Caller, anybody: Caller
    ) -> None:
        judge.open(f"/moderation/case/{flagged}")
        decide(second, flagged)
        hidden(anybody, flagged)
        fields = {"rule": "falsehood", "reason": REASON, "decision": "hide"}
        judge.submit(f"/moderation/case/{flagged}", fields)
        assert judge.status == 409
        assert "Another moderator has decided meanwhile" in judge.text
        assert judge.soup.find("textarea", {"name": "reason"}).get_text() == REASON
        assert judge.soup.find("option", value="falsehood", selected=True)

    def test_a_missing_reason_is_told_in_words(self, judge: Reader, flagged: str) -> None:
        hide(judge, flagged, reason="")
        assert judge.status == 422
        assert judge.soup.find("textarea", {"aria-invalid": "true"})
        assert judge.soup.find(role="alert")

    def test_to_decide_on_nothing_is_told_in_words(self, judge: Reader, flagged: str) -> None:
        judge.open("/moderation?kind=case")
        fields = {"subject": [], "rule": "spam", "reason": REASON, "decision": "hide"}
        judge.submit("/moderation?kind=case", fields)
        assert judge.status == 422
        assert "Nothing is marked." in judge.text
        assert judge.soup.find(id="together").find("textarea").get_text() == REASON

    def test_moderators_do_not_decide_on_their_own(
        self, process: Process, moderator: Caller, second: Caller, judge: Reader
    ) -> None:
        case_id = publish(process, moderator).case_id
        flag(second, case_id)
        eventually(lambda: queued(second, case_id))
        hide(judge, case_id)
        assert judge.status == 409
        assert "about you or a case of yours" in judge.text


class TestAppeals:
    @pytest.fixture
    def decision(self, judge: Reader, flagged: str, anybody: Caller) -> str:
        """The address of a decision to hide the case."""
        hide(judge, flagged)
        hidden(anybody, flagged)
        return decision_on(judge, flagged)

    @pytest.fixture
    def appealed(
        self, process: Process, decision: str, anna: Caller, flagged: str, second: Caller
    ) -> str:
        author = page_of(process, anna)
        author.open(decision)
        author.open(author.soup.find("a", string="Appeal")["href"])
        author.submit(f"{decision}/appeal", statement=STATEMENT)
        assert author.status == 200
        assert author.where == decision
        assert "Waits for another moderator than the one who decided." in author.text
        eventually(lambda: (queued(second, flagged) or {}).get("appeal"))
        return decision

    def test_everybody_reads_the_decision_in_the_ledger(
        self, decision: str, reader: Reader, moderator: Caller
    ) -> None:
        reader.open("/decisions?rule=spam")
        assert "Set-Cookie" not in reader.headers
        assert reader.headers["ETag"]
        reader.open(decision)
        assert "A moderator decided: hide" in reader.text
        assert REASON in reader.text
        assert moderator.pseudonym not in reader.text
        assert "Set-Cookie" not in reader.headers

    def test_another_moderator_restores_what_was_hidden(
        self, process: Process, appealed: str, second: Caller, flagged: str, anybody: Caller
    ) -> None:
        other = page_of(process, second)
        other.open("/decisions?waits=true")
        other.open(other.soup.find("a", href=appealed)["href"])
        assert STATEMENT in other.text
        fields = {"outcome": "overturn", "reason": "The picture shows it."}
        other.submit(f"{appealed}/resolution", fields)
        assert "Another moderator overturned the decision" in other.text
        eventually(lambda: anybody("GET", f"/v1/cases/{flagged}").status_code == 200 or None)

    def test_the_moderator_who_decided_is_told_that_another_has_to(
        self, judge: Reader, appealed: str, flagged: str
    ) -> None:
        judge.open("/moderation")
        assert "Waits for another moderator" in item_of(judge, flagged).get_text(" ")
        judge.submit(f"{appealed}/resolution", outcome="uphold", reason="So it is.")
        assert judge.status == 409
        assert "Another moderator has to decide this." in judge.text
        assert judge.soup.find("textarea", {"name": "reason"}).get_text() == "So it is."

    def test_a_second_appeal_is_refused_in_words(
        self, process: Process, appealed: str, anna: Caller
    ) -> None:
        author = page_of(process, anna)
        author.open(f"{appealed}/appeal")
        author.submit(f"{appealed}/appeal", statement="Once more")
        assert author.status == 409
        assert "You have appealed already." in author.text
        assert author.soup.find("textarea").get_text() == "Once more"

    def test_a_reason_that_names_somebody_is_removed(self, judge: Reader, decision: str) -> None:
        judge.open(decision)
        judge.submit(f"{decision}/reason-removal")
        assert "The reason was removed" in judge.text
        assert REASON not in judge.text

    def test_a_reason_is_not_removed_by_a_member(
        self, process: Process, ben: Caller, judge: Reader, decision: str
    ) -> None:
        member = page_of(process, ben)
        member.open(decision)
        assert "For moderators" not in member.text
        sent = _with_token(member, {"of": "decision"}, page=f"{decision}/appeal")
        assert member.client.post(f"{decision}/reason-removal", data=sent).status_code == 403

    def test_a_statement_survives_the_end_of_the_session(
        self, process: Process, decision: str, anna: Caller
    ) -> None:
        author = page_of(process, anna)
        author.open(f"{decision}/appeal")
        anna("DELETE", "/v1/sessions")
        anna.sign_in()
        author.submit(f"{decision}/appeal", statement=STATEMENT)
        assert author.status == 401
        assert author.soup.find("textarea").get_text() == STATEMENT
        fields = {"pseudonym": anna.pseudonym, "passphrase": "not mine at all"}
        author.submit(f"{decision}/appeal", fields)
        assert author.status == 401
        fields["passphrase"] = "four plain words here"
        author.submit(f"{decision}/appeal", fields)
        assert author.status == 200
        assert author.where == decision

    def test_whoever_is_not_signed_in_signs_in_first(self, reader: Reader, decision: str) -> None:
        reader.open(f"{decision}/appeal")
        assert reader.where == "/sign-in"
        assert reader.soup.find("input", {"name": "next"})["value"] == f"{decision}/appeal"

    def test_an_unknown_decision_is_not_found(self, reader: Reader) -> None:
        reader.open(f"/decisions/{uuid4()}")
        assert reader.status == 404


class TestAnswers:
    def test_an_author_answers_what_hides_their_case(
        self, process: Process, anna: Caller, flagged: str, second: Caller, judge: Reader
    ) -> None:
        once_known(lambda: raise_flag(second, "case", flagged))
        author = page_of(process, anna)

        def told() -> bool | None:
            author.open(f"/answer/case/{flagged}")
            return "Hidden by reports of members" in author.text or None

        eventually(told)
        author.submit(f"/answer/case/{flagged}", statement=STATEMENT)
        assert "A moderator reads it" in author.text
        eventually(lambda: (queued(second, flagged) or {}).get("answer"))
        judge.open(f"/moderation/case/{flagged}")
        assert "Its author answers" in judge.text
        assert STATEMENT in judge.text

    def test_an_answer_to_nothing_is_refused_in_words(
        self, process: Process, anna: Caller, case_id: str
    ) -> None:
        author = page_of(process, anna)
        author.open(f"/answer/case/{case_id}")
        author.submit(f"/answer/case/{case_id}", statement=STATEMENT)
        assert author.status in (404, 409)
        assert author.soup.find(role="alert")
        assert author.soup.find("textarea").get_text() == STATEMENT


class TestStatements:
    def test_an_answer_that_names_the_reporter_is_erased_for_good(
        self, ben: Caller, anybody: Caller, moderator: Caller, case_id: str, judge: Reader
    ) -> None:
        party = name_party(ben, f"/v1/cases/{case_id}/parties")
        link = once_known(lambda: moderator("POST", f"{party}/dispute-link")).json["url"]
        assert dispute(anybody, party, link.rpartition("/")[2]).status_code == 204
        (statement,) = eventually(lambda: statements(anybody, case_id) or None)
        place = f"/moderation/dispute/{statement['dispute_id']}"
        once_known(lambda: raise_flag(ben, "dispute", statement["dispute_id"]))
        eventually(lambda: queued(moderator, statement["dispute_id"]))
        judge.open(place)
        within = f"/moderation/case/{case_id}/party/{id_of(party)}"
        judge.submit(f"{within}/dispute/{statement['dispute_id']}/erasure")
        assert judge.where == place
        assert judge.status == 200
        eventually(lambda: not statements(anybody, case_id)[0]["statement"] or None)


def statements(caller: Caller, case_id: str) -> list[dict[str, Any]]:
    """Return what those say who are named in the case."""
    parties = caller("GET", f"/v1/cases/{case_id}").json["parties"]
    return [each for party in parties for each in party["disputes"]]


class TestStanding:
    @pytest.fixture
    def member(self, process: Process) -> Caller:
        caller = Caller(process.app.test_client()).join()
        path = f"/v1/members/{caller.member_id}"
        eventually(lambda: caller("GET", path).status_code == 200 or None)
        return caller

    @pytest.fixture
    def suspended(self, judge: Reader, member: Caller) -> Caller:
        place = f"/moderation/member/{member.member_id}"
        judge.open(place)
        assert "In good standing" in judge.text
        judge.submit(f"{place}/suspension", reason="Three adverts.")
        assert judge.where == place
        return member

    def test_a_moderator_suspends_and_reinstates_a_member(
        self, judge: Reader, suspended: Caller
    ) -> None:
        place = f"/moderation/member/{suspended.member_id}"
        assert "Three adverts." in judge.text
        judge.submit(f"{place}/suspension/reason-removal")
        assert "Three adverts." not in judge.text
        judge.submit(f"{place}/reinstatement")
        assert "In good standing" in judge.text

    def test_a_suspended_member_appeals_and_another_moderator_lifts_it(
        self, process: Process, suspended: Caller, judge: Reader, second: Caller
    ) -> None:
        member = page_of(process, suspended)
        member.open("/suspension")
        assert "Three adverts." in member.text
        member.submit("/suspension", statement=STATEMENT)
        assert "Your appeal waits for another moderator" in member.text
        place = f"/moderation/member/{suspended.member_id}"
        eventually(lambda: queued(second, suspended.member_id))
        judge.open(place)
        judge.submit(f"{place}/suspension/resolution", outcome="uphold")
        assert judge.status == 409
        assert "Another moderator has to decide this." in judge.text
        other = page_of(process, second)
        other.open(place)
        assert STATEMENT in other.text
        other.submit(f"{place}/suspension/resolution", outcome="overturn")
        assert "In good standing" in other.text
        member.open("/suspension")
        assert "Your membership is in good standing." in member.text

    def test_what_a_suspended_member_cannot_do_leads_to_the_appeal(
        self, process: Process, suspended: Caller
    ) -> None:
        assert suspended.report().status_code == 403
        member = page_of(process, suspended)
        member.open("/suspension")
        assert member.soup.find("textarea", {"name": "statement"})

    def test_an_appeal_against_no_suspension_is_refused_in_words(
        self, process: Process, member: Caller
    ) -> None:
        mine = page_of(process, member)
        mine.open(f"/answer/member/{member.member_id}")
        sent = _with_token(mine, {"statement": STATEMENT, "once": uuid4().hex})
        assert mine.client.post("/suspension", data=sent).status_code == 409

    def test_an_admin_makes_a_member_a_moderator_and_takes_it_back(
        self, process: Process, admin: Caller, member: Caller
    ) -> None:
        place, theirs = f"/moderation/member/{member.member_id}", page_of(process, admin)
        theirs.open(place)
        theirs.submit(f"{place}/roles", change="grant")
        assert "Take away the role of a moderator" in theirs.text
        theirs.submit(f"{place}/roles", change="revoke")
        assert "Make this member a moderator" in theirs.text


class TestALongQueue:
    def test_leads_on_page_by_page(
        self, process: Process, anna: Caller, ben: Caller, moderator: Caller, judge: Reader
    ) -> None:
        cases = [publish(process, anna).case_id for _ in range(11)]
        for case_id in cases:
            flag(ben, case_id)
        eventually(lambda: queued(moderator, cases[-1]))
        judge.open("/moderation?kind=case")
        seen = {article["id"] for article in judge.soup.find_all("article")}
        assert len(seen) == 10
        more = judge.soup.find("a", rel="next")["href"]
        assert "kind=case" in more
        judge.open(more)
        rest = {article["id"] for article in judge.soup.find_all("article")}
        assert rest
        assert not rest & seen


def _with_token(reader: Reader, fields: dict[str, Any], page: str = "") -> dict[str, Any]:
    """Return the fields with the token of the page that is shown, or of another one."""
    if page:
        reader.open(page)
    token = reader.soup.find("input", {"name": "csrf_token"})["value"]
    return {"csrf_token": token, "once": uuid4().hex, **fields}
