"""Flags, decisions, appeals, the queue and the ledger over HTTP."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from config.process import Process
from domain.moderation.flag import MOST_OPEN_FLAGS
from domain.moderation.rules import RULES
from entrypoints.http.requests import TOKEN_HEADER
from tests.http import public_cases
from tests.http.conftest import Caller, appointed, eventually, problem
from tests.http.public_cases import PublicCase, withdraw

NOTHING = str(UUID(int=7))  # the id of nothing that is there
NOTE = "I was there, and it was otherwise."
PARTY = {"kind": "person", "name": "Clerk Osman", "role": "took the money"}
HIDE = {"decision": "hide", "rule": "spam", "reason": "Advertising."}


@pytest.fixture
def case_id(process: Process, anna: Caller) -> str:
    """A case of Anna's that everybody sees by now."""
    case = publish(process, anna)
    path = f"/v1/cases/{case.case_id}"
    eventually(lambda: anna("GET", path, headers=case.seen).status_code == 200 or None)
    return case.case_id


@pytest.fixture(scope="module")
def second(process: Process, admin: Caller) -> Caller:
    """Another moderator."""
    return appointed(process, admin)


def once_known(call: Callable[[], Any]) -> Any:
    """The reply, once moderation knows the subject."""

    def answered() -> Any:
        reply = call()
        return None if reply.status_code == 404 else reply

    return eventually(answered)


def publish(process: Process, author: Caller, **body: Any) -> PublicCase:
    """A case that everybody reads: one that nobody reads yet would look like a hidden one."""
    case = public_cases.publish(process, author, **body)
    reply = author("GET", f"/v1/cases/{case.case_id}", headers=case.seen)
    assert reply.json["status"] == "published"
    return case


def flag(caller: Caller, case_id: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    body = {"subject_kind": "case", "subject_id": case_id, "rule": "spam", "note": "", **more}
    return once_known(lambda: caller("POST", "/v1/flags", body, headers=headers or {}))


def raise_flag(caller: Caller, kind: str, subject_id: str) -> Any:
    """The first reply, whether moderation knows the subject or not."""
    body = {"subject_kind": kind, "subject_id": subject_id, "rule": "spam", "note": ""}
    return caller("POST", "/v1/flags", body)


def decisions(subject_id: object, kind: str = "case") -> str:
    return f"/v1/moderation/{kind}/{subject_id}/decisions"


def decide(moderator: Caller, case_id: str, **more: str) -> str:
    """The id of a new decision, once there is something to decide."""

    def decided() -> Any:
        reply = moderator("POST", decisions(case_id), {**HIDE, **more})
        return None if "nothing-to-decide" in reply.text else reply

    reply = once_known(lambda: eventually(decided))
    assert reply.status_code == 201, reply.text
    decision_id: str = reply.json["decision_id"]
    return decision_id


def hidden(anybody: Caller, case_id: str) -> None:
    eventually(lambda: anybody("GET", f"/v1/cases/{case_id}").status_code == 404 or None)


def appeal(caller: Caller, decision_id: str, **headers: str) -> Any:
    path = f"/v1/moderation/decisions/{decision_id}/appeals"
    return caller("POST", path, {"statement": "It is no advertising."}, headers=headers)


def resolve(caller: Caller, appeal_id: str, outcome: str = "uphold", **headers: str) -> Any:
    path = f"/v1/moderation/appeals/{appeal_id}/resolution"
    return caller("POST", path, {"outcome": outcome, "reason": "So it is."}, headers=headers)


def queue(caller: Caller, query: str = "limit=100") -> list[dict[str, Any]]:
    reply = caller("GET", f"/v1/moderation/queue?{query}")
    assert reply.status_code == 200
    items: list[dict[str, Any]] = reply.json["items"]
    return items


def queued(caller: Caller, subject_id: str) -> dict[str, Any] | None:
    """The subject in the queue, whatever else waits there."""
    reply = caller("GET", f"/v1/moderation/queue?subject={subject_id}")
    assert reply.status_code == 200, reply.data
    return next(iter(reply.json["items"]), None)


class TestRules:
    def test_the_rules_are_public(self, anybody: Caller) -> None:
        items = anybody("GET", "/v1/rules").json["items"]
        assert [item["rule_id"] for item in items] == [rule.rule_id for rule in RULES]
        assert all(item["title"] and item["text"] for item in items)


class TestFlags:
    def test_a_member_flags_a_case_once(self, ben: Caller, case_id: str) -> None:
        reply = flag(ben, case_id, note=NOTE)
        assert (reply.status_code, reply.headers["ETag"]) == (201, '"2"')
        assert ben.member_id not in reply.json["flag_id"]
        assert problem(flag(ben, case_id, rule="falsehood")) == (409, "already-flagged")

    def test_an_idempotency_key_is_used_for_one_flag(self, ben: Caller, case_id: str) -> None:
        headers = {"Idempotency-Key": uuid4().hex}
        first, again = flag(ben, case_id, headers), flag(ben, case_id, headers)
        assert (first.status_code, again.json) == (201, first.json)
        other = flag(ben, case_id, headers, note="Other")
        assert problem(other) == (422, "idempotency-key-reused")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("subject_kind", "planet"),
            ("subject_kind", None),
            ("subject_id", "c1"),
            ("rule", "boredom"),
            ("rule", 7),
            ("note", "x" * 1001),
            ("note", "a\x00b"),
            ("weight", 9.0),
        ],
    )
    def test_an_invalid_field_is_named(
        self, ben: Caller, case_id: str, field: str, value: Any
    ) -> None:
        reply = flag(ben, case_id, **{field: value})
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]

    def test_members_cannot_flag_their_own_contributions(self, anna: Caller, case_id: str) -> None:
        assert problem(flag(anna, case_id)) == (409, "own-subject")
        reply = flag(anna, anna.member_id, subject_kind="member")
        assert problem(reply) == (409, "own-subject")

    def test_flagging_a_missing_or_hidden_case_is_refused(
        self, anybody: Caller, ben: Caller, moderator: Caller, case_id: str
    ) -> None:
        body = {"subject_kind": "case", "subject_id": str(uuid4()), "rule": "spam", "note": ""}
        assert problem(ben("POST", "/v1/flags", body)) == (404, "not-found")
        assert problem(anybody("POST", "/v1/flags", body)) == (401, "not-signed-in")
        decide(moderator, case_id)
        hidden(anybody, case_id)
        reply = ben("POST", "/v1/flags", {**body, "subject_id": case_id})
        assert problem(reply) == (404, "not-found")

    def test_flagging_parts_of_unpublished_cases_is_answered_as_not_found(
        self, process: Process, anna: Caller, ben: Caller, moderator: Caller
    ) -> None:
        waiting = anna.report().json["case_id"]
        gone = publish(process, anna)
        named = ben("POST", f"/v1/cases/{gone.case_id}/parties", PARTY).json["party_id"]
        withdraw(anna, gone)
        for kind, key in (("case", waiting), ("case", gone.case_id), ("party", named)):
            assert flag(moderator, key, subject_kind=kind).status_code == 201
        absent = raise_flag(anna, "case", NOTHING)
        assert problem(absent) == (404, "not-found")
        stranger = Caller(process.app.test_client()).join()
        for kind, key in (("case", waiting), ("case", gone.case_id), ("party", named)):
            reply = raise_flag(stranger, kind, key)
            assert (reply.status_code, reply.json) == (absent.status_code, absent.json)
        assert problem(raise_flag(anna, "case", waiting)) == (409, "own-subject")

    def test_flagging_an_erased_subject_is_answered_as_erased(
        self, process: Process, ben: Caller, moderator: Caller
    ) -> None:
        leaver = Caller(process.app.test_client()).join()
        case_id = publish(process, leaver).case_id
        assert flag(moderator, leaver.member_id, subject_kind="member").status_code == 201
        assert flag(moderator, case_id, rule="falsehood").status_code == 201
        assert leaver.leave().status_code == 202
        for kind, key in (("case", case_id), ("member", leaver.member_id)):
            assert problem(raise_flag(ben, kind, key)) == (410, "erased")

    def test_the_open_flags_of_a_member_are_limited(self, process: Process, anna: Caller) -> None:
        flagger = Caller(process.app.test_client()).join()
        cases = [publish(process, anna).case_id for _ in range(MOST_OPEN_FLAGS)]
        for case_id in cases:
            assert flag(flagger, case_id).status_code == 201

        def refused() -> tuple[int, str] | None:
            reply = flag(flagger, publish(process, anna).case_id)
            return None if reply.status_code == 201 else problem(reply)

        assert eventually(refused) == (409, "too-many-flags")

    def test_a_flag_can_require_a_version(self, ben: Caller, case_id: str) -> None:
        assert problem(flag(ben, case_id, {"If-Match": '"4"'})) == (412, "stale")


class TestQueue:
    def test_only_moderators_read_the_queue(
        self, anybody: Caller, ben: Caller, moderator: Caller
    ) -> None:
        reply = anybody("GET", "/v1/moderation/queue")
        assert problem(reply) == (401, "not-signed-in")
        assert reply.headers["WWW-Authenticate"] == "Bearer"
        assert problem(ben("GET", "/v1/moderation/queue")) == (403, "forbidden")
        reply = moderator("GET", "/v1/moderation/queue")
        assert (reply.status_code, reply.headers["Cache-Control"]) == (200, "no-store")

    def test_the_queue_shows_flags_without_their_members(
        self, anna: Caller, ben: Caller, moderator: Caller, case_id: str
    ) -> None:
        flag(ben, case_id, note=NOTE)
        item = eventually(lambda: queued(moderator, case_id))
        assert item["text"].startswith("A permit for a bribe\n\n")
        assert [(each["rule"], each["note"]) for each in item["flags"]] == [("spam", NOTE)]
        assert (item["hidden"], item["decision_id"], item["appeal"]) == (False, None, None)
        assert {"flaggers", "author_id", "waits", "row_id"}.isdisjoint(item)
        for caller in (anna, ben):
            assert caller.member_id not in str(item)

    def test_the_queue_is_filtered_and_paged_heaviest_first(
        self, ben: Caller, moderator: Caller, second: Caller, process: Process, anna: Caller
    ) -> None:
        light, heavy = (publish(process, anna).case_id for _ in range(2))
        flag(ben, light)
        flag(second, heavy)
        flag(ben, anna.member_id, subject_kind="member")
        eventually(lambda: (queued(moderator, heavy) or {}).get("weight") == 1.0 or None)
        eventually(lambda: queued(moderator, light) and queued(moderator, anna.member_id))
        found = [item["subject_id"] for item in queue(moderator, "kind=case&limit=100")]
        assert found.index(heavy) < found.index(light)
        assert anna.member_id not in found
        (first,) = queue(moderator, "limit=1")
        assert first["weight"] >= 1.0
        link = moderator("GET", "/v1/moderation/queue?limit=1").headers["Link"]
        assert 'rel="next"' in link

    @pytest.mark.parametrize("query", ["kind=planet", "limit=0", "surprise=1"])
    def test_an_invalid_filter_is_refused(self, moderator: Caller, query: str) -> None:
        reply = moderator("GET", f"/v1/moderation/queue?{query}")
        assert problem(reply) == (422, "invalid")

    def test_the_queue_does_not_show_the_note_of_an_erased_member(
        self, process: Process, moderator: Caller, case_id: str
    ) -> None:
        leaver = Caller(process.app.test_client()).join()
        flag(leaver, case_id, note=NOTE)
        eventually(lambda: queued(moderator, case_id))
        assert leaver.leave().status_code == 202
        eventually(lambda: [each["note"] for each in noted(moderator, case_id)] == [""] or None)


def noted(moderator: Caller, case_id: str) -> list[dict[str, Any]]:
    item = queued(moderator, case_id)
    return item["flags"] if item else []


class TestDecisions:
    def test_only_moderators_decide(self, anybody: Caller, ben: Caller, case_id: str) -> None:
        once_known(lambda: ben("POST", decisions(case_id), HIDE))
        many = {**HIDE, "subjects": [{"subject_kind": "case", "subject_id": case_id}]}
        for path, body in ((decisions(case_id), HIDE), ("/v1/moderation/decisions", many)):
            assert problem(anybody("POST", path, body)) == (401, "not-signed-in")
            assert problem(ben("POST", path, body)) == (403, "forbidden")

    def test_a_hidden_case_can_be_restored(
        self, anna: Caller, anybody: Caller, moderator: Caller, case_id: str
    ) -> None:
        decide(moderator, case_id)
        hidden(anybody, case_id)
        path = f"/v1/cases/{case_id}"
        for caller in (anna, moderator):
            assert caller("GET", path).json["status"] == "hidden"
        decide(moderator, case_id, decision="restore")
        eventually(lambda: anybody("GET", path).status_code == 200 or None)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("decision", "burn"),
            ("rule", "boredom"),
            ("reason", ""),
            ("reason", "x" * 2001),
            ("reason", None),
            ("decision_id", "d1"),
            ("surprise", 1),
        ],
    )
    def test_an_invalid_field_is_named(
        self, moderator: Caller, case_id: str, field: str, value: Any
    ) -> None:
        reply = moderator("POST", decisions(case_id), {**HIDE, field: value})
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]

    @pytest.mark.parametrize(
        "path", [decisions(NOTHING), decisions(NOTHING, "planet"), decisions("no-case")]
    )
    def test_deciding_on_an_unknown_subject_is_refused(self, moderator: Caller, path: str) -> None:
        assert problem(moderator("POST", path, HIDE)) == (404, "not-found")

    def test_a_decision_without_an_effect_is_refused(self, moderator: Caller, case_id: str) -> None:
        for decision in ("restore", "dismiss"):
            body = {**HIDE, "decision": decision}
            reply = once_known(partial(moderator, "POST", decisions(case_id), body))
            assert problem(reply) == (409, "nothing-to-decide")

    def test_moderators_cannot_decide_on_their_own_case(
        self, process: Process, moderator: Caller
    ) -> None:
        own = publish(process, moderator).case_id
        reply = once_known(lambda: moderator("POST", decisions(own), HIDE))
        assert problem(reply) == (409, "not-oneself")

    def test_a_client_can_choose_the_id_of_a_decision(
        self, moderator: Caller, case_id: str
    ) -> None:
        own = {"decision_id": str(uuid4())}
        assert decide(moderator, case_id, **own) == own["decision_id"]
        again = moderator("POST", decisions(case_id), {**HIDE, **own})
        assert (again.status_code, again.json) == (201, own)
        other = moderator("POST", decisions(case_id), {**HIDE, **own, "reason": "Another."})
        assert problem(other) == (409, "already-decided")

    def test_an_idempotency_key_is_used_for_one_decision(
        self, moderator: Caller, case_id: str
    ) -> None:
        headers = {"Idempotency-Key": uuid4().hex}

        def post(**more: str) -> Any:
            body = {**HIDE, **more}
            return once_known(lambda: moderator("POST", decisions(case_id), body, headers=headers))

        first, again = post(), post()
        assert (first.status_code, again.json) == (201, first.json)
        assert problem(post(reason="Other")) == (422, "idempotency-key-reused")

    def test_a_decision_can_require_a_version(self, moderator: Caller, case_id: str) -> None:
        once_known(lambda: moderator("POST", decisions(case_id), {**HIDE, "decision": "restore"}))
        reply = moderator("POST", decisions(case_id), HIDE, headers={"If-Match": '"4"'})
        assert problem(reply) == (412, "stale")

    def test_a_hidden_profile_is_visible_to_its_member_and_moderators(
        self, process: Process, anybody: Caller, moderator: Caller
    ) -> None:
        caller = Caller(process.app.test_client()).join()
        path = f"/v1/members/{caller.member_id}"
        reply = once_known(lambda: moderator("POST", decisions(caller.member_id, "member"), HIDE))
        assert reply.status_code == 201
        eventually(lambda: anybody("GET", path).status_code == 404 or None)
        assert caller("GET", path).status_code == moderator("GET", path).status_code == 200


class TestWhoIsSuspended:
    @pytest.fixture
    def suspended(self, process: Process, moderator: Caller) -> Caller:
        caller = Caller(process.app.test_client()).join()
        assert moderator("PUT", self.path(caller), {"reason": "Spam."}).status_code == 204
        return caller

    def path(self, caller: Caller) -> str:
        return f"/v1/members/{caller.member_id}/suspension"

    def appeal(self, caller: Caller) -> Any:
        return caller("POST", "/v1/me/suspension/appeal", {"statement": "I sell nothing."})

    def resolve(self, by: Caller, caller: Caller, outcome: str) -> Any:
        return by("POST", f"{self.path(caller)}/resolution", {"outcome": outcome})

    def test_appeals_and_sees_that_it_waits_for_another_moderator(
        self, suspended: Caller, anybody: Caller, moderator: Caller, second: Caller
    ) -> None:
        assert suspended("GET", "/v1/me").json["appeal_waits"] is False
        assert self.appeal(suspended).status_code == 204
        assert problem(self.appeal(suspended)) == (409, "already-appealed")
        assert suspended("GET", "/v1/me").json["appeal_waits"] is True
        item = eventually(lambda: queued(moderator, suspended.member_id))
        assert item["suspension_appeal"]["statement"] == "I sell nothing."
        assert problem(self.resolve(moderator, suspended, "uphold")) == (409, "same-moderator")
        ledger = f"/v1/moderation/ledger?waits=true&subject={suspended.member_id}"
        told = eventually(lambda: anybody("GET", ledger).json["items"] or None)
        assert [each["what"] for each in told] == ["suspension_appealed"]
        assert self.resolve(second, suspended, "overturn").status_code == 204
        assert suspended("GET", "/v1/me").json["suspended"] is False
        eventually(lambda: None if anybody("GET", ledger).json["items"] else True)

    def test_stays_so_where_another_moderator_agrees(
        self, suspended: Caller, ben: Caller, second: Caller
    ) -> None:
        assert problem(self.resolve(second, suspended, "uphold")) == (404, "not-found")
        self.appeal(suspended)
        assert problem(self.resolve(ben, suspended, "uphold")) == (403, "forbidden")
        assert self.resolve(second, suspended, "uphold").status_code == 204
        me = suspended("GET", "/v1/me").json
        assert (me["suspended"], me["appeal_waits"]) == (True, False)
        assert problem(self.appeal(suspended)) == (409, "already-appealed")

    def test_who_is_not_has_nothing_to_appeal_against(self, ben: Caller, anybody: Caller) -> None:
        assert problem(self.appeal(ben)) == (409, "nothing-to-appeal")
        assert problem(self.appeal(anybody)) == (401, "not-signed-in")

    def test_appeals_for_what_they_said_before(
        self, process: Process, anybody: Caller, moderator: Caller
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case_id = publish(process, author).case_id
        decision = decide(moderator, case_id)
        hidden(anybody, case_id)
        assert moderator("PUT", self.path(author), {"reason": "Spam."}).status_code == 204
        assert appeal(author, decision).status_code == 201
        assert problem(self.answer(author, case_id)) == (409, "nothing-to-answer")
        assert eventually(lambda: queued(moderator, case_id))["appeal"]["decision_id"] == decision

    def test_answers_flags(
        self, process: Process, anybody: Caller, moderator: Caller, second: Caller
    ) -> None:
        author = Caller(process.app.test_client()).join()
        case_id = publish(process, author).case_id
        flag(moderator, case_id)
        flag(second, case_id)
        hidden(anybody, case_id)
        assert moderator("PUT", self.path(author), {"reason": "Spam."}).status_code == 204
        assert problem(self.answer(moderator, case_id)) == (404, "not-found")
        assert self.answer(author, case_id).status_code == 204
        assert problem(self.answer(author, case_id)) == (409, "already-answered")
        said = eventually(lambda: (queued(moderator, case_id) or {}).get("answer"))
        assert said["statement"] == "It is true."
        assert author.member_id not in str(queued(moderator, case_id))

    def answer(self, caller: Caller, case_id: str) -> Any:
        path = f"/v1/moderation/case/{case_id}/answer"
        return caller("POST", path, {"statement": "It is true."})


class TestDecidingMany:
    def subjects(self, *case_ids: str) -> list[dict[str, str]]:
        return [{"subject_kind": "case", "subject_id": each} for each in case_ids]

    def decide(self, moderator: Caller, subjects: Any, **more: Any) -> Any:
        headers = more.pop("headers", {})
        body = {**HIDE, "subjects": subjects, **more}
        return moderator("POST", "/v1/moderation/decisions", body, headers=headers)

    def register(self, ben: Caller, *case_ids: str) -> None:
        for each in case_ids:
            assert flag(ben, each).status_code == 201

    def test_a_failing_decision_does_not_affect_the_others(
        self, process: Process, anna: Caller, ben: Caller, anybody: Caller, moderator: Caller
    ) -> None:
        good = [publish(process, anna).case_id for _ in range(2)]
        own, unknown = publish(process, moderator).case_id, str(uuid4())
        self.register(ben, *good, own)
        subjects = self.subjects(good[0], own, unknown, good[1])
        reply = self.decide(moderator, subjects)
        assert reply.status_code == 200
        told = [(item["subject_id"], item["problem"]) for item in reply.json["items"]]
        assert told == [
            (good[0], None),
            (own, "not-oneself"),
            (unknown, "not-found"),
            (good[1], None),
        ]
        made = [item["decision_id"] for item in reply.json["items"]]
        assert [bool(each) for each in made] == [True, False, False, True]
        for case_id in good:
            hidden(anybody, case_id)
        assert appeal(anna, made[0]).status_code == 201

    def test_a_repeated_request_returns_the_same_reply(
        self, ben: Caller, moderator: Caller, case_id: str
    ) -> None:
        self.register(ben, case_id)
        headers = {"Idempotency-Key": uuid4().hex}
        subjects = self.subjects(case_id, case_id)
        first, again = (self.decide(moderator, subjects, headers=headers) for _ in range(2))
        assert again.json == first.json
        assert [item["problem"] for item in first.json["items"]] == [None, None]
        other = self.decide(moderator, subjects, headers=headers, reason="Other")
        assert problem(other) == (422, "idempotency-key-reused")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("subjects", []),
            ("subjects", [{"subject_kind": "case", "subject_id": NOTHING}] * 101),
            ("subjects", [{"subject_kind": "planet", "subject_id": NOTHING}]),
            ("subjects", [{"subject_kind": "case"}]),
            ("subjects", None),
            ("decision", "burn"),
            ("rule", "boredom"),
            ("reason", ""),
            ("decision_id", NOTHING),
        ],
    )
    def test_an_invalid_field_is_named(self, moderator: Caller, field: str, value: Any) -> None:
        reply = self.decide(moderator, **{"subjects": self.subjects(str(uuid4())), field: value})
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]


class TestCorrectionsByModerators:
    def test_moderators_cannot_remove_contributions_without_a_decision(
        self, process: Process, anna: Caller, ben: Caller, moderator: Caller
    ) -> None:
        case = publish(process, anna)
        path = f"/v1/cases/{case.case_id}"
        party = {"kind": "person", "name": "Clerk Osman", "role": "took the money"}
        party_id = ben("POST", f"{path}/parties", party).json["party_id"]
        said = once_known(lambda: ben("POST", f"{path}/comments", {"text": "So it was."}))
        comment = f"/v1/comments/{said.json['comment_id']}"
        for theirs in (
            comment,
            f"{path}/parties/{party_id}",
            f"{path}/evidence/{case.evidence_id}",
        ):
            assert problem(moderator("DELETE", theirs)) == (403, "forbidden")

    def test_moderators_correct_tags_and_locations_and_the_history_shows_it(
        self, process: Process, anna: Caller, ben: Caller, moderator: Caller
    ) -> None:
        path = f"/v1/cases/{publish(process, anna).case_id}"
        assert ben("POST", f"{path}/tags/police").status_code == 204
        assert ben("PUT", f"{path}/location", {"lat": 1, "lon": 2}).status_code == 204
        for number in (0, 1):
            accepted = moderator("POST", f"{path}/proposals/{number}/acceptance")
            assert accepted.status_code == 204
        assert moderator("DELETE", f"{path}/tags/police").status_code == 204
        reply = moderator("DELETE", f"{path}/location")
        assert reply.status_code == 204
        seen = {TOKEN_HEADER: reply.headers[TOKEN_HEADER]}
        changes = anna("GET", f"{path}/history", headers=seen).json["items"]
        roles = {change["what"]: change["role"] for change in changes}
        assert roles["CaseUntagged"] == roles["LocationRetracted"] == "moderator"


class TestAppeals:
    @pytest.fixture
    def decision(self, anybody: Caller, moderator: Caller, case_id: str) -> str:
        """What a moderator decided: the case is hidden."""
        decision_id = decide(moderator, case_id)
        hidden(anybody, case_id)
        return decision_id

    def test_another_moderator_resolves_an_appeal_once(
        self,
        anna: Caller,
        moderator: Caller,
        second: Caller,
        case_id: str,
        decision: str,
    ) -> None:
        reply = appeal(anna, decision)
        assert (reply.status_code, reply.json) == (201, {"appeal_id": decision})
        item = eventually(lambda: queued(second, case_id))
        assert item["appeal"]["statement"] == "It is no advertising."
        assert (item["appeal"]["decision_id"], item["hidden"]) == (decision, True)
        assert problem(resolve(moderator, decision)) == (409, "same-moderator")
        assert resolve(second, decision, "overturn").status_code == 204
        eventually(
            lambda: anna("GET", f"/v1/cases/{case_id}").json["status"] == "published" or None
        )
        eventually(lambda: queued(second, case_id) is None or None)
        assert problem(resolve(second, decision)) == (409, "already-resolved")

    def test_only_the_author_appeals_and_only_once(
        self, anna: Caller, ben: Caller, anybody: Caller, moderator: Caller, decision: str
    ) -> None:
        assert problem(appeal(anybody, decision)) == (401, "not-signed-in")
        for caller in (ben, moderator):
            assert problem(appeal(caller, decision)) == (403, "forbidden")
        key = {"Idempotency-Key": uuid4().hex}
        first, again = appeal(anna, decision, **key), appeal(anna, decision, **key)
        assert (first.status_code, again.json) == (201, first.json)
        assert problem(appeal(anna, decision)) == (409, "already-appealed")

    def test_appealing_or_resolving_without_a_decision_or_an_appeal_is_refused(
        self, anna: Caller, second: Caller, decision: str
    ) -> None:
        assert problem(appeal(anna, str(uuid4()))) == (404, "not-found")
        for missing in (decision, str(uuid4())):
            assert problem(resolve(second, missing)) == (404, "not-found")

    def test_only_a_decision_to_hide_can_be_appealed(
        self, anna: Caller, ben: Caller, moderator: Caller, case_id: str
    ) -> None:
        flag(ben, case_id)
        dismissed = decide(moderator, case_id, decision="dismiss")
        assert problem(appeal(anna, dismissed)) == (409, "nothing-to-appeal")

    def test_only_moderators_resolve_appeals_and_not_their_own(
        self, process: Process, anna: Caller, ben: Caller, anybody: Caller, admin: Caller
    ) -> None:
        author = appointed(process, admin)
        own = publish(process, author).case_id
        decision = decide(admin, own)
        hidden(anybody, own)
        assert appeal(author, decision).status_code == 201
        assert problem(resolve(anybody, decision)) == (401, "not-signed-in")
        assert problem(resolve(ben, decision)) == (403, "forbidden")
        assert problem(resolve(author, decision)) == (409, "not-oneself")

    def test_another_decision_is_refused_while_an_appeal_is_open(
        self, anna: Caller, moderator: Caller, second: Caller, case_id: str, decision: str
    ) -> None:
        appeal(anna, decision)
        for caller, verdict in ((moderator, "hide"), (moderator, "restore"), (second, "dismiss")):
            reply = caller("POST", decisions(case_id), {**HIDE, "decision": verdict})
            assert problem(reply) == (409, "appeal-pending")

    @pytest.fixture
    def restored(
        self, anna: Caller, anybody: Caller, second: Caller, case_id: str, decision: str
    ) -> str:
        """The case, once the other moderator overturned that."""
        appeal(anna, decision)
        resolve(second, decision, "overturn")
        eventually(lambda: anybody("GET", f"/v1/cases/{case_id}").status_code == 200 or None)
        return case_id

    def test_a_case_restored_on_appeal_is_hidden_after_new_flags_by_another_moderator_only(
        self, ben: Caller, anybody: Caller, moderator: Caller, second: Caller, restored: str
    ) -> None:
        again = moderator("POST", decisions(restored), HIDE)
        assert problem(again) == (409, "settled-on-appeal")
        flag(ben, restored)

        def refused() -> str | None:
            _, code = problem(moderator("POST", decisions(restored), HIDE))
            return None if code == "settled-on-appeal" else code

        assert eventually(refused) == "same-moderator"
        decide(second, restored)
        hidden(anybody, restored)

    def test_a_superseded_decision_cannot_be_appealed(
        self, anna: Caller, anybody: Caller, moderator: Caller, case_id: str, decision: str
    ) -> None:
        decide(moderator, case_id, decision="restore")
        eventually(lambda: anybody("GET", f"/v1/cases/{case_id}").status_code == 200 or None)
        assert problem(appeal(anna, decision)) == (409, "superseded")

    @pytest.mark.parametrize(
        ("path", "body", "field"),
        [
            ("decisions/{}/appeals", {"statement": ""}, "statement"),
            ("decisions/{}/appeals", {"statement": "x" * 5001}, "statement"),
            ("decisions/{}/appeals", {}, "statement"),
            ("appeals/{}/resolution", {"outcome": "forget", "reason": "x"}, "outcome"),
            ("appeals/{}/resolution", {"outcome": "uphold", "reason": ""}, "reason"),
            ("appeals/{}/resolution", {"outcome": "uphold"}, "reason"),
        ],
    )
    def test_an_invalid_field_is_named(
        self, moderator: Caller, path: str, body: dict[str, str], field: str
    ) -> None:
        reply = moderator("POST", f"/v1/moderation/{path.format(uuid4())}", body)
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]

    def test_appeal_and_resolution_can_require_a_version(
        self, anna: Caller, second: Caller, decision: str
    ) -> None:
        assert problem(appeal(anna, decision, **{"If-Match": '"9"'})) == (412, "stale")
        assert appeal(anna, decision, **{"If-Match": '"3"'}).status_code == 201
        stale = resolve(second, decision, **{"If-Match": '"3"'})
        assert problem(stale) == (412, "stale")
        assert resolve(second, decision, **{"If-Match": '"5"'}).status_code == 204


class TestLedger:
    @pytest.fixture
    def resolved(self, anna: Caller, moderator: Caller, second: Caller, case_id: str) -> str:
        """A decision that was appealed against, and the appeal resolved."""
        decision = decide(moderator, case_id)
        appeal(anna, decision)
        resolve(second, decision)
        return decision

    def test_the_ledger_is_public_and_names_no_member(
        self, anna: Caller, anybody: Caller, moderator: Caller, case_id: str
    ) -> None:
        decision = decide(moderator, case_id)
        seen = {TOKEN_HEADER: appeal(anna, decision).headers[TOKEN_HEADER]}
        path = f"/v1/moderation/ledger?subject={case_id}"
        reply = anybody("GET", path, headers=seen)
        appealed, decided = reply.json["items"]
        assert (decided["what"], decided["role"]) == ("decided", "moderator")
        assert decided["decision_id"] == appealed["decision_id"] == decision
        assert (decided["rule"], decided["reason"]) == (HIDE["rule"], HIDE["reason"])
        assert (appealed["what"], appealed["role"], appealed["reason"]) == (
            "appealed",
            "author",
            None,
        )
        for caller in (anna, moderator):
            assert caller.member_id not in reply.text

    def test_the_ledger_lists_suspensions(
        self, process: Process, anybody: Caller, moderator: Caller
    ) -> None:
        caller = Caller(process.app.test_client()).join()
        path = f"/v1/members/{caller.member_id}/suspension"
        assert moderator("PUT", path, {"reason": "Spam."}).status_code == 204
        lifted = moderator("DELETE", path)
        seen = {TOKEN_HEADER: lifted.headers[TOKEN_HEADER]}
        ledger = f"/v1/moderation/ledger?kind=member&subject={caller.member_id}"
        items = anybody("GET", ledger, headers=seen).json["items"]
        told = [(item["what"], item["reason"]) for item in items]
        assert told == [("reinstated", None), ("suspended", None)]

    def test_the_reason_of_a_suspension_is_visible_to_the_member_and_moderators_only(
        self, process: Process, anybody: Caller, moderator: Caller
    ) -> None:
        caller = Caller(process.app.test_client()).join()
        path = f"/v1/members/{caller.member_id}"
        done = moderator("PUT", f"{path}/suspension", {"reason": "Spam."})
        seen = {TOKEN_HEADER: done.headers[TOKEN_HEADER]}
        told = [each("GET", path, headers=seen).json["suspension"] for each in (caller, moderator)]
        assert told == ["Spam.", "Spam."]
        assert anybody("GET", path, headers=seen).json["suspension"] is None
        assert problem(caller("DELETE", f"{path}/suspension/reason")) == (403, "suspended")
        done = moderator("DELETE", f"{path}/suspension/reason")
        seen = {TOKEN_HEADER: done.headers[TOKEN_HEADER]}
        assert caller("GET", path, headers=seen).json["suspension"] is None

    @pytest.mark.parametrize("reasoned", ["decisions", "appeals"])
    def test_a_redacted_reason_is_shown_as_redacted_in_the_ledger(
        self, anybody: Caller, moderator: Caller, case_id: str, resolved: str, reasoned: str
    ) -> None:
        path = f"/v1/moderation/{reasoned}/{resolved}/reason"
        assert problem(anybody("DELETE", path)) == (401, "not-signed-in")
        other = path.replace(resolved, str(uuid4()))
        assert problem(moderator("DELETE", other)) == (404, "not-found")
        removed = moderator("DELETE", path)
        assert removed.status_code == 204
        seen = {TOKEN_HEADER: removed.headers[TOKEN_HEADER]}
        ledger = f"/v1/moderation/ledger?subject={case_id}"
        told = {
            item["what"]: (item["reason"], item["reason_removed"])
            for item in anybody("GET", ledger, headers=seen).json["items"]
        }
        assert "reason_removed" in told
        judged = {"decisions": "decided", "appeals": "appeal_resolved"}
        for kind, what in judged.items():
            assert told[what][1] == (kind == reasoned)
            assert (told[what][0] is None) == (kind == reasoned)

    def test_the_ledger_is_filtered(self, anybody: Caller, moderator: Caller, case_id: str) -> None:
        decide(moderator, case_id, rule="hatred")
        path = f"/v1/moderation/ledger?rule=hatred&kind=case&subject={case_id}"
        eventually(lambda: anybody("GET", path).json["items"] or None)
        for other in (path.replace("hatred", "spam"), path.replace("kind=case", "kind=party")):
            assert anybody("GET", other).json["items"] == []
        reply = anybody("GET", "/v1/moderation/ledger?kind=planet")
        assert problem(reply) == (422, "invalid")
