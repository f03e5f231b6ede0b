"""Parties to a case and dispute links over HTTP."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from adapters.credentials.dispute_links import JwtDisputeLinks
from application.ports.dispute_links import Invitation
from config.process import Process
from entrypoints.http.requests import TOKEN_HEADER
from tests.http.conftest import Caller, eventually, problem
from tests.http.public_cases import PublicCase, now, publish, withdraw

ADDRESS = "https://klarity.example"
CLERK = {"kind": "person", "name": "Clerk Osman", "role": "took the money"}


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {"PUBLIC_URL": ADDRESS}


@pytest.fixture(scope="module")
def case(process: Process, anna: Caller) -> PublicCase:
    return publish(process, anna)


@pytest.fixture
def parties(case: PublicCase) -> str:
    return f"/v1/cases/{case.case_id}/parties"


@pytest.fixture
def party(ben: Caller, parties: str) -> str:
    """The path of a party that Ben named."""
    return name_party(ben, parties)


def name_party(caller: Caller, parties: str, **more: Any) -> str:
    reply = caller("POST", parties, {**CLERK, **more})
    assert reply.status_code == 201, reply.text
    return f"{parties}/{reply.json['party_id']}"


def traces(caller: Caller, case: PublicCase) -> list[Any]:
    """All that was ever done to the case."""
    path = f"/v1/cases/{case.case_id}"
    replies = [caller("GET", f"{path}/{kind}", headers=case.seen) for kind in ("history", "proof")]
    assert all(reply.status_code == 200 for reply in replies)
    return [reply.json["items"] for reply in replies]


def id_of(party: str) -> str:
    return party.rpartition("/")[2]


def shown(caller: Caller, case: PublicCase, party: str, reply: Any) -> Any:
    """The party as the case shows it, including the change that the reply acknowledged."""
    headers = {TOKEN_HEADER: reply.headers[TOKEN_HEADER]}
    items = caller("GET", f"/v1/cases/{case.case_id}", headers=headers).json["parties"]
    return next((item for item in items if item["party_id"] == id_of(party)), None)


class TestNaming:
    def test_a_party_can_cite_evidence_of_the_case(
        self, ben: Caller, anybody: Caller, case: PublicCase, parties: str
    ) -> None:
        reply = ben("POST", parties, {**CLERK, "evidence": [case.evidence_id]})
        assert (reply.status_code, reply.headers["ETag"]) == (201, '"2"')
        assert reply.headers["Location"] == f"/v1/cases/{case.case_id}"
        item = shown(anybody, case, reply.json["party_id"], reply)
        assert {name: item[name] for name in CLERK} == CLERK
        assert item["evidence"] == [case.evidence_id]
        assert item["added_by"] == {"member_id": ben.member_id, "pseudonym": ben.pseudonym}
        assert item["disputes"] == []

    def test_a_party_cannot_cite_other_evidence(self, ben: Caller, parties: str) -> None:
        reply = ben("POST", parties, {**CLERK, "evidence": [str(uuid4())]})
        assert problem(reply) == (404, "not-found")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("kind", "ghost"),
            ("name", "X"),
            ("name", "x" * 121),
            ("name", "Two\nlines"),
            ("name", "turned \u202e around"),
            ("role", ""),
            ("role", None),
            ("evidence", ["e1"]),
            ("evidence", "e1"),
            ("evidence", [str(uuid4())] * 21),
            ("party_id", "p1"),
            ("surprise", 1),
        ],
    )
    def test_an_invalid_field_is_named(
        self, ben: Caller, parties: str, field: str, value: Any
    ) -> None:
        reply = ben("POST", parties, {**CLERK, field: value})
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]

    def test_naming_a_party_needs_a_signed_in_member_and_a_visible_case(
        self, process: Process, anna: Caller, ben: Caller, anybody: Caller, parties: str
    ) -> None:
        assert problem(anybody("POST", parties, CLERK)) == (401, "not-signed-in")
        waiting = anna.report().json["case_id"]
        for case_id in (waiting, uuid4()):
            reply = ben("POST", f"/v1/cases/{case_id}/parties", CLERK)
            assert problem(reply) == (404, "not-found")
        assert anna("POST", f"/v1/cases/{waiting}/parties", CLERK).status_code == 201
        gone = publish(process, anna)
        withdraw(anna, gone)
        reply = anna("POST", f"/v1/cases/{gone.case_id}/parties", CLERK)
        assert problem(reply) == (409, "withdrawn")

    def test_a_client_can_choose_the_id_of_a_party(
        self, anna: Caller, ben: Caller, parties: str
    ) -> None:
        own = {"party_id": str(uuid4())}
        assert id_of(name_party(ben, parties, **own)) == own["party_id"]
        again = ben("POST", parties, {**CLERK, **own})
        assert (again.status_code, again.json) == (201, own)
        for caller, more in ((anna, {}), (ben, {"role": "looked away"})):
            other = caller("POST", parties, {**CLERK, **own, **more})
            assert problem(other) == (409, "already-named")

    def test_an_idempotency_key_is_used_for_one_party(self, ben: Caller, parties: str) -> None:
        headers = {"Idempotency-Key": uuid4().hex}
        first = ben("POST", parties, CLERK, headers=headers)
        again = ben("POST", parties, CLERK, headers=headers)
        other = ben("POST", parties, {**CLERK, "role": "looked away"}, headers=headers)
        assert again.json == first.json
        assert problem(other) == (422, "idempotency-key-reused")

    def test_naming_a_party_can_require_the_version_of_the_case(
        self, process: Process, anna: Caller, ben: Caller
    ) -> None:
        case = publish(process, anna)
        path = f"/v1/cases/{case.case_id}"
        etag = {"If-Match": ben("GET", path, headers=case.seen).headers["ETag"]}
        key = {"Idempotency-Key": uuid4().hex}
        first, again = (
            ben("POST", f"{path}/parties", CLERK, headers={**etag, **key}) for _ in range(2)
        )
        assert (first.status_code, again.json) == (201, first.json)
        stale = ben("POST", f"{path}/parties", CLERK, headers=etag)
        assert problem(stale) == (412, "stale")

    def test_a_refused_party_leaves_no_event(
        self, process: Process, anna: Caller, ben: Caller, parties: str
    ) -> None:
        other = publish(process, anna)
        elsewhere = f"/v1/cases/{other.case_id}/parties"
        taken = {**CLERK, "party_id": id_of(name_party(ben, parties))}
        key = {"Idempotency-Key": uuid4().hex}
        assert ben("POST", parties, CLERK, headers=key).status_code == 201
        before = traces(ben, other)
        assert problem(ben("POST", elsewhere, taken)) == (409, "already-named")
        stale = ben("POST", elsewhere, CLERK, headers={"If-Match": '"99"'})
        assert problem(stale) == (412, "stale")
        reused = ben("POST", elsewhere, CLERK, headers=key)
        assert problem(reused) == (422, "idempotency-key-reused")
        assert traces(ben, other) == before


class TestRetracting:
    def test_a_party_is_retracted_by_its_claimant_or_the_author(
        self, anna: Caller, ben: Caller, case: PublicCase, parties: str
    ) -> None:
        for caller in (ben, anna):
            party = name_party(ben, parties)
            reply = caller("DELETE", party)
            assert reply.status_code == 204
            assert shown(anna, case, party, reply) is None
            assert caller("DELETE", party).status_code == 204

    def test_other_members_and_moderators_cannot_retract_a_party(
        self, process: Process, anna: Caller, anybody: Caller, moderator: Caller, party: str
    ) -> None:
        other = Caller(process.app.test_client()).join()
        for caller in (other, moderator):
            assert problem(caller("DELETE", party)) == (403, "forbidden")
        assert problem(anybody("DELETE", party)) == (401, "not-signed-in")
        elsewhere = f"/v1/cases/{publish(process, anna).case_id}/parties"
        for path in (f"{elsewhere}/{id_of(party)}", f"{elsewhere}/{uuid4()}"):
            assert problem(anna("DELETE", path)) == (404, "not-found")

    def test_retracting_can_require_a_version(self, ben: Caller, party: str) -> None:
        for if_match, status in (('"1"', 412), ('"2"', 204)):
            assert ben("DELETE", party, headers={"If-Match": if_match}).status_code == status


def invited(moderator: Caller, party: str, **headers: str) -> str:
    """The token of a link that a moderator makes."""
    reply = moderator("POST", f"{party}/dispute-link", headers=headers)
    assert reply.status_code == 201, reply.text
    url: str = reply.json["url"]
    assert url.startswith(f"{ADDRESS}/dispute/")
    return urlsplit(url).path.rpartition("/")[2]


def dispute(caller: Caller, party: str, token: str, **headers: str) -> Any:
    body = {"token": token, "statement": "I gave a receipt."}
    return caller("POST", f"{party}/dispute", body, headers=headers)


class TestInviting:
    def test_only_moderators_create_dispute_links(
        self, anna: Caller, anybody: Caller, party: str
    ) -> None:
        assert problem(anybody("POST", f"{party}/dispute-link")) == (401, "not-signed-in")
        assert problem(anna("POST", f"{party}/dispute-link")) == (403, "forbidden")

    def test_a_dispute_link_for_a_missing_party_is_refused(
        self, process: Process, anna: Caller, ben: Caller, moderator: Caller, party: str
    ) -> None:
        elsewhere = f"/v1/cases/{publish(process, anna).case_id}/parties/{id_of(party)}"
        ben("DELETE", party)
        for path in (party, elsewhere, party.replace(id_of(party), str(uuid4()))):
            assert problem(moderator("POST", f"{path}/dispute-link")) == (404, "not-found")

    def test_moderators_cannot_create_dispute_links_for_their_own_case_or_party(
        self, process: Process, ben: Caller, moderator: Caller, parties: str
    ) -> None:
        own_case = f"/v1/cases/{publish(process, moderator).case_id}/parties"
        for own in (name_party(moderator, parties), name_party(ben, own_case)):
            assert problem(moderator("POST", f"{own}/dispute-link")) == (409, "not-oneself")

    def test_a_repeated_request_returns_a_link_to_the_same_dispute(
        self, anybody: Caller, moderator: Caller, party: str
    ) -> None:
        key = {"Idempotency-Key": uuid4().hex}
        first, again = invited(moderator, party, **key), invited(moderator, party, **key)
        another = invited(moderator, party)
        assert dispute(anybody, party, first).status_code == 204
        assert problem(dispute(anybody, party, again)) == (409, "already-disputed")
        assert dispute(anybody, party, another).status_code == 204

    def test_a_dispute_link_is_no_access_token(
        self, anybody: Caller, moderator: Caller, party: str
    ) -> None:
        headers = {"Authorization": f"Bearer {invited(moderator, party)}"}
        assert problem(anybody("GET", "/v1/me", headers=headers)) == (401, "not-signed-in")


class TestDisputing:
    def test_a_statement_is_shown_with_its_party(
        self, anybody: Caller, moderator: Caller, case: PublicCase, party: str
    ) -> None:
        reply = dispute(anybody, party, invited(moderator, party))
        (said,) = shown(anybody, case, party, reply)["disputes"]
        fields = {"dispute_id", "number", "statement", "removed", "at"}
        assert (said["statement"], set(said)) == ("I gave a receipt.", fields)

    def test_a_moderator_can_erase_a_statement_that_names_the_reporter(
        self, anybody: Caller, ben: Caller, moderator: Caller, case: PublicCase, party: str
    ) -> None:
        reply = dispute(anybody, party, invited(moderator, party))
        (said,) = shown(anybody, case, party, reply)["disputes"]
        path = f"{party}/disputes/{said['dispute_id']}"
        assert problem(ben("DELETE", path)) == (403, "forbidden")
        assert problem(moderator("DELETE", f"{party}/disputes/{uuid4()}")) == (404, "not-found")
        erased = moderator("DELETE", path)
        assert erased.status_code == 204
        (said,) = shown(anybody, case, party, erased)["disputes"]
        assert (said["statement"], said["removed"]) == ("", "erased")

    def test_a_link_accepts_one_statement_and_its_repetitions(
        self, anybody: Caller, moderator: Caller, party: str
    ) -> None:
        token, key = invited(moderator, party), {"Idempotency-Key": uuid4().hex}
        first, again = (dispute(anybody, party, token, **key) for _ in range(2))
        assert (first.status_code, again.status_code) == (204, 204)
        assert first.headers["ETag"] == again.headers["ETag"]
        assert problem(dispute(anybody, party, token)) == (409, "already-disputed")

    def test_a_link_is_valid_for_one_party(
        self, anybody: Caller, ben: Caller, moderator: Caller, parties: str, party: str
    ) -> None:
        token = invited(moderator, party)
        other = name_party(ben, parties)
        for wrong in (token[:-3], "", "x", moderator.token):
            assert problem(dispute(anybody, party, wrong)) == (403, "bad-link")
        assert problem(dispute(anybody, other, token)) == (403, "bad-link")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("statement", ""),
            ("statement", "x" * 5001),
            ("statement", "a\x00b"),
            ("token", None),
            ("surprise", 1),
        ],
    )
    def test_an_invalid_field_is_named(
        self, anybody: Caller, party: str, field: str, value: Any
    ) -> None:
        body = {"token": "x", "statement": "No.", field: value}
        reply = anybody("POST", f"{party}/dispute", body)
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]

    def test_disputing_can_require_a_version(
        self, anybody: Caller, moderator: Caller, party: str
    ) -> None:
        token = invited(moderator, party)
        stale = dispute(anybody, party, token, **{"If-Match": '"7"'})
        assert problem(stale) == (412, "stale")
        assert dispute(anybody, party, token, **{"If-Match": '"2"'}).status_code == 204

    def test_the_disputes_of_a_party_are_limited(
        self, anybody: Caller, moderator: Caller, party: str
    ) -> None:
        for _ in range(5):
            assert dispute(anybody, party, invited(moderator, party)).status_code == 204
        reply = dispute(anybody, party, invited(moderator, party))
        assert problem(reply) == (409, "too-many-disputes")

    def test_disputing_a_retracted_party_is_refused(
        self, anybody: Caller, ben: Caller, moderator: Caller, party: str
    ) -> None:
        token = invited(moderator, party)
        ben("DELETE", party)
        assert problem(dispute(anybody, party, token)) == (404, "not-found")

    def test_a_statement_on_a_hidden_party_is_shown_when_the_party_is_restored(
        self, anybody: Caller, moderator: Caller, case: PublicCase, party: str
    ) -> None:
        token = invited(moderator, party)
        judge(moderator, party, "hide")
        eventually(lambda: id_of(party) not in seen(anybody, case) or None)
        reply = dispute(anybody, party, token)
        assert reply.status_code == 204
        assert shown(anybody, case, party, reply) is None
        judge(moderator, party, "restore")
        eventually(lambda: id_of(party) in seen(anybody, case) or None)
        assert len(shown(anybody, case, party, reply)["disputes"]) == 1


def judge(moderator: Caller, party: str, decision: str) -> None:
    path = f"/v1/moderation/party/{id_of(party)}/decisions"
    body = {"decision": decision, "rule": "falsehood", "reason": "So it is."}
    eventually(lambda: moderator("POST", path, body).status_code == 201 or None)


def seen(caller: Caller, case: PublicCase) -> str:
    """What the case looks like, once it can be read: until then, nothing of it is hidden."""

    def found() -> str | None:
        reply = caller("GET", f"/v1/cases/{case.case_id}")
        return str(reply.text) if reply.status_code == 200 else None

    return eventually(found)


class TestInvitation:
    def test_a_link_tells_which_claim_it_answers(
        self, anybody: Caller, moderator: Caller, case: PublicCase, party: str
    ) -> None:
        token = invited(moderator, party)
        reply = anybody("GET", f"/v1/disputes/{token}")
        assert reply.status_code == 200
        found = reply.json
        assert (found["case_id"], found["party_id"]) == (case.case_id, id_of(party))
        said = dispute(anybody, party, token)
        (stated,) = shown(anybody, case, party, said)["disputes"]
        assert stated["dispute_id"] == found["dispute_id"]

    @pytest.mark.parametrize("token", ["x", "a.b.c"])
    def test_a_forged_link_is_refused(self, anybody: Caller, token: str) -> None:
        assert problem(anybody("GET", f"/v1/disputes/{token}")) == (403, "bad-link")

    def test_an_expired_link_is_refused(
        self, process: Process, anybody: Caller, case: PublicCase, party: str
    ) -> None:
        links = JwtDisputeLinks(process.container.keys().tokens, -timedelta(seconds=1))
        invitation = Invitation(case.case_id, id_of(party), str(uuid4()))
        token = links.issue(invitation, now(process))
        assert problem(anybody("GET", f"/v1/disputes/{token}")) == (403, "bad-link")
        assert problem(dispute(anybody, party, token)) == (403, "bad-link")
