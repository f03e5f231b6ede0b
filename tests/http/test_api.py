"""The conventions of the REST API."""

import json
import logging
import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from application.engine.executor import CommandContext
from config.process import Process
from domain.actors import SYSTEM
from domain.cases.case_commands import HideCase, RestoreCase
from domain.cases.case_events import CaseReported
from domain.ids import MediaKind
from entrypoints.http.json import MsgspecJson
from entrypoints.http.problems import MEANINGS
from entrypoints.http.requests import TOKEN_HEADER, opaque, write_token
from tests.http.conftest import PASSPHRASE, Caller, eventually, problem
from tests.http.public_cases import publish

ROOT = Path(__file__).parents[2]


def read_after(written: Any) -> dict[str, str]:
    """The headers of a query whose answer includes this write."""
    return {"Klarity-Token": written.headers["Klarity-Token"]}


class TestProblems:
    @pytest.mark.parametrize("code", MEANINGS)
    def test_each_problem_has_a_readable_page(self, anybody: Caller, code: str) -> None:
        reply = anybody("GET", f"/problems/{code}")
        assert reply.content_type.startswith("text/html")
        assert str(MEANINGS[code][0]) in reply.text

    def test_each_code_of_a_domain_error_has_a_meaning(self) -> None:
        files = [
            path for package in ("domain", "application") for path in (ROOT / package).rglob("*.py")
        ]
        source = "".join(path.read_text() for path in files)
        codes = set(re.findall(r'DomainError\(\s*"([a-z-]+)"', source))
        assert codes
        missing = codes - MEANINGS.keys()
        assert not missing, "add them to MEANINGS in entrypoints/http/problems.py"

    def test_an_unknown_path_or_problem_is_not_found(self, anybody: Caller) -> None:
        assert problem(anybody("GET", "/problems/nope")) == (404, "not-found")
        assert problem(anybody("GET", "/nope")) == (404, "not-found")

    def test_a_path_with_a_doubled_slash_is_not_found(self, anybody: Caller) -> None:
        assert problem(anybody("GET", "/v1//cases")) == (404, "not-found")

    def test_a_method_that_is_not_allowed_is_answered_with_the_allowed_ones(
        self, anybody: Caller
    ) -> None:
        reply = anybody("PUT", "/v1/cases")
        assert problem(reply) == (405, "method-not-allowed")
        assert "POST" in reply.headers["Allow"]

    @pytest.mark.parametrize(
        ("content", "kind", "expected"),
        [
            (b"{", "application/json", (400, "malformed")),
            (b'{"title": "\\ud800"}', "application/json", (400, "malformed")),
            (b'{"\\ud800": 1}', "application/json", (400, "malformed")),
            (b'{"title": NaN}', "application/json", (400, "malformed")),
            (b'{"title": 1' + b"0" * 5000 + b"}", "application/json", (400, "malformed")),
            (b"[" * 100_000 + b"]" * 100_000, "application/json", (400, "malformed")),
            (b"", "application/json", (400, "malformed")),
            (b"null", "application/json", (422, "invalid")),
            (b"[]", "application/json", (422, "invalid")),
            (b"\xff", "application/json", (400, "malformed")),
            (b"{}", "text/plain", (415, "unsupported-media-type")),
            (b" " * 1_000_001, "application/json", (413, "too-large")),
        ],
    )
    def test_an_unreadable_body_is_refused(
        self, anna: Caller, content: bytes, kind: str, expected: tuple[int, str]
    ) -> None:
        reply = anna("POST", "/v1/cases", data=content, content_type=kind)
        assert problem(reply) == expected

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("title", "\x00\x00\x00"),
            ("title", "ab"),
            ("title", 1),
            ("story", ""),
            ("category", "gossip"),
            ("occurred_on", "yesterday"),
            ("tags", ["x" * 41]),
            ("evidence", ["no-uuid"]),
            ("evidence", [7]),
            ("anonymous", "yes"),
            ("location", {"lat": 91, "lon": 0}),
            ("location", {"lat": "1", "lon": 0}),
            ("location", {"lat": True, "lon": 0}),
            ("case_id", "c1"),
            ("surprise", 1),
        ],
    )
    def test_an_invalid_field_is_named(self, anna: Caller, field: str, value: Any) -> None:
        reply = anna.report(**{field: value})
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]

    def test_an_unexpected_error_is_logged_without_address_and_member(
        self, process: Process, anna: Caller, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("it broke")

        answers = process.container.answers()["videos"]
        with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.INFO):
            patch.setattr(answers, "page", broken)
            reply = anna(
                "GET",
                "/v1/videos",
                headers={"User-Agent": "Telltale/1.0"},
                environ_base={"REMOTE_ADDR": "203.0.113.7"},
            )
        assert problem(reply) == (500, "internal")
        logged = caplog.text
        assert "it broke" in logged
        for personal in ("203.0.113.7", "Telltale", anna.pseudonym, anna.member_id, anna.token):
            assert personal not in logged

    def test_every_reply_has_security_headers(self, anybody: Caller) -> None:
        for path in ("/v1/cases", "/nope", "/docs"):
            headers = anybody("GET", path).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert len(headers.getlist("Content-Security-Policy")) == 1
            assert headers["X-Request-Id"]


class TestSigningIn:
    def test_a_command_without_signing_in_is_refused(self, anybody: Caller) -> None:
        reply = anybody("POST", "/v1/cases", {"surprise": 1})
        assert problem(reply) == (401, "not-signed-in")
        assert reply.headers["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize("token", ["nonsense", "a.b.c", ""])
    def test_a_foreign_access_token_is_refused(self, anybody: Caller, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        assert problem(anybody("GET", "/v1/cases", headers=headers))[0] == 401
        assert problem(anybody("GET", "/v1/me", headers=headers))[0] == 401

    def test_signing_in_with_wrong_credentials_is_refused(self, anybody: Caller) -> None:
        body = {"pseudonym": "Nobody at all", "passphrase": "whatever it is"}
        assert problem(anybody("POST", "/v1/sessions", body)) == (401, "not-signed-in")

    def test_members_can_read_and_export_their_own_account(self, ben: Caller) -> None:
        assert ben("PUT", "/v1/me/interests", {"interests": ["roads"]}).status_code == 204
        account = ben("GET", "/v1/me").json
        assert (account["pseudonym"], account["interests"]) == (ben.pseudonym, ["roads"])

    def test_all_that_is_held_about_a_member_is_given_to_them_alone(
        self, process: Process, anybody: Caller
    ) -> None:
        caller = Caller(process.app.test_client()).join()
        reply = caller.report(anonymous=True, story="I filled in the forms.")
        assert reply.status_code == 201
        export = caller("GET", "/v1/me/export")
        assert export.headers["Cache-Control"] == "private, no-store"
        assert "attachment" in export.headers["Content-Disposition"]
        parts = export.json["parts"]
        assert all(part["about"] for part in parts.values())
        assert parts["account"]["items"][0]["pseudonym"] == caller.pseudonym
        assert "I filled in the forms." in str(parts["cases"])
        assert len(parts["sessions"]["items"]) == 1
        assert export.json["left_out"]
        assert problem(anybody("GET", "/v1/me/export")) == (401, "not-signed-in")
        codes = {caller("GET", "/v1/me/export").status_code for _ in range(10)}
        assert codes == {200, 429}

    def test_a_session_can_be_renewed_and_ended(self, process: Process) -> None:
        caller = Caller(process.app.test_client()).join()
        body = {"refresh_token": caller.refresh_token}
        renewed = caller("POST", "/v1/sessions/refresh", body)
        assert (renewed.status_code, renewed.headers["Cache-Control"]) == (201, "no-store")
        assert caller("DELETE", "/v1/sessions/current").status_code == 204
        again = {"refresh_token": renewed.json["refresh_token"]}
        assert caller("POST", "/v1/sessions/refresh", again).status_code == 401

    def test_an_erased_member_is_not_signed_in(self, process: Process) -> None:
        caller = Caller(process.app.test_client()).join()
        reply = caller.leave()
        assert reply.status_code == 202
        assert caller("GET", "/v1/me").status_code == 401
        assert problem(caller.report()) == (401, "not-signed-in")

    def test_who_has_no_account_any_more_learns_when_their_erasure_is_done(
        self, process: Process, anybody: Caller
    ) -> None:
        caller = Caller(process.app.test_client()).join()
        reply = caller.leave()
        receipt = reply.headers["Location"]
        assert caller.member_id not in receipt + reply.text

        def done() -> Any:
            progress = anybody("GET", receipt).json
            return progress if progress["done"] else None

        progress = eventually(done)
        states = {step["name"]: step["state"] for step in progress["steps"]}
        contexts = ("members", "cases", "evidence", "discussions", "moderation", "operations")
        assert states == dict.fromkeys((*contexts, "aliases"), "done")
        assert any("destroyed" in text for text in progress["remains"])
        assert problem(anybody("GET", "/v1/erasures/abc")) == (404, "not-found")

    def test_only_moderators_suspend_and_only_admins_grant_roles(
        self, process: Process, admin: Caller, ben: Caller
    ) -> None:
        caller = Caller(process.app.test_client()).join()
        path = f"/v1/members/{caller.member_id}"
        assert ben("PUT", f"{path}/suspension", {"reason": "spite"}).status_code == 403
        assert ben("PUT", f"{path}/roles/moderator").status_code == 403
        assert admin("PUT", f"{path}/suspension", {"reason": "spam"}).status_code == 204
        assert problem(caller.report()) == (403, "suspended")
        assert caller("GET", "/v1/me").json["suspended"] is True
        assert admin("DELETE", f"{path}/suspension").status_code == 204
        assert caller.report().status_code == 201
        assert admin("PUT", f"{path}/roles/moderator").status_code == 204
        assert caller("GET", "/v1/me").json["roles"] == ["moderator"]
        assert admin("DELETE", f"{path}/roles/moderator").status_code == 204
        assert admin("PUT", f"/v1/members/{uuid4()}/roles/admin").status_code == 404

    @pytest.mark.parametrize(
        "pseudonym", ["\u0410nna", "An\u200dna", "Klarity Team", "Anna @ home"]
    )
    def test_registering_a_pseudonym_with_hidden_or_mixed_characters_is_refused(
        self, anybody: Caller, pseudonym: str
    ) -> None:
        body = {"pseudonym": pseudonym, "passphrase": PASSPHRASE}
        assert problem(anybody("POST", "/v1/members", body)) == (422, "bad-pseudonym")
        assert anybody("GET", "/problems/bad-pseudonym").status_code == 200

    def test_registering_a_pseudonym_that_looks_like_a_taken_one_is_refused(
        self, anybody: Caller
    ) -> None:
        mark = uuid4().hex[:8]
        first, second = (
            anybody(
                "POST", "/v1/members", {"pseudonym": f"{name} {mark}", "passphrase": PASSPHRASE}
            )
            for name in ("Mila", "MiIa")
        )
        assert first.status_code == 201
        assert problem(second) == (409, "pseudonym-taken")

    def test_registering_twice_with_one_idempotency_key_registers_once(
        self, anybody: Caller
    ) -> None:
        body = {"pseudonym": f"Once {uuid4().hex[:8]}", "passphrase": PASSPHRASE}
        headers = {"Idempotency-Key": uuid4().hex}
        first = anybody("POST", "/v1/members", body, headers=headers)
        assert anybody("POST", "/v1/members", body, headers=headers).json == first.json
        other = {**body, "passphrase": "something else"}
        reply = anybody("POST", "/v1/members", other, headers=headers)
        assert problem(reply) == (422, "idempotency-key-reused")


class TestWriting:
    def test_a_write_can_be_read_back_at_once(self, anna: Caller) -> None:
        reply = anna.report()
        headers = {"Klarity-Token": reply.headers["Klarity-Token"]}
        case = anna("GET", reply.headers["Location"], headers=headers)
        assert case.json["status"] == "awaiting_evidence"
        assert reply.headers["ETag"] == '"1"'
        assert case.headers["ETag"].startswith('"1-')
        unchanged = anna(
            "GET", reply.headers["Location"], headers={"If-None-Match": case.headers["ETag"]}
        )
        assert unchanged.status_code == 304

    @pytest.mark.parametrize("token", ["x", "e30", "!!!"])
    def test_a_foreign_consistency_token_is_refused(self, anna: Caller, token: str) -> None:
        reply = anna("GET", "/v1/cases", headers={"Klarity-Token": token})
        assert problem(reply) == (400, "malformed")

    def test_an_idempotency_key_is_used_for_one_request(self, anna: Caller) -> None:
        headers = {"Idempotency-Key": uuid4().hex}
        body = {"title": "Once only", "story": "It happened once."}
        first = anna("POST", "/v1/cases", body, headers=headers)
        again = anna("POST", "/v1/cases", body, headers=headers)
        assert (again.json, again.headers["ETag"]) == (first.json, first.headers["ETag"])
        other = anna("POST", "/v1/cases", {**body, "title": "Twice"}, headers=headers)
        assert problem(other) == (422, "idempotency-key-reused")
        assert list(other.json["errors"]) == ["Idempotency-Key"]

    def test_a_body_is_parsed_once(self, anna: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
        body = {"title": "Parsed once", "story": "It happened once."}
        headers = {"Idempotency-Key": uuid4().hex}
        with monkeypatch.context() as patch:
            patch.setattr(MsgspecJson, "loads", None)
            first = anna("POST", "/v1/cases", body, headers=headers)
        assert first.status_code == 201

    def test_repeating_a_request_without_effect_has_no_effect(self, anna: Caller) -> None:
        tag = f"{anna.report().headers['Location']}/tags/police"
        headers = {"Idempotency-Key": uuid4().hex}
        anna("POST", tag)
        first = anna("POST", tag, headers=headers)
        anna("DELETE", tag)
        again = anna("POST", tag, headers=headers)
        assert again.headers["ETag"] == first.headers["ETag"] == '"2"'
        assert anna("POST", tag).headers["ETag"] == '"4"'

    @pytest.mark.parametrize("key", ["", "k" * 201, "clé"])
    def test_an_invalid_idempotency_key_is_refused(self, anna: Caller, key: str) -> None:
        body = {"title": "Once only", "story": "It happened once."}
        reply = anna("POST", "/v1/cases", body, headers={"Idempotency-Key": key})
        assert problem(reply) == (400, "malformed")

    def test_a_report_with_its_own_id_can_be_repeated(self, anna: Caller, ben: Caller) -> None:
        body = {"title": "Sent again", "story": "A week offline.", "case_id": str(uuid4())}
        first, again = (anna("POST", "/v1/cases", body) for _ in range(2))
        assert (again.status_code, again.json) == (201, first.json)
        assert again.headers["ETag"] == first.headers["ETag"] == '"1"'
        for caller, other in ((ben, body), (anna, {**body, "title": "Another"})):
            assert problem(caller("POST", "/v1/cases", other)) == (409, "already-reported")

    def test_a_command_without_effect_returns_a_token_that_needs_no_waiting(
        self, ben: Caller
    ) -> None:
        reply = ben("DELETE", f"/v1/cases/{uuid4()}/support")
        assert (reply.status_code, reply.headers["ETag"]) == (204, '"0"')
        headers = {"Klarity-Token": reply.headers["Klarity-Token"]}
        assert ben("GET", "/v1/cases", headers=headers).status_code == 200

    def test_an_edit_can_require_a_version(self, anna: Caller) -> None:
        path = anna.report().headers["Location"]
        for if_match, status in (('"1"', 204), ('"1"', 412), ("*", 204), ('"x"', 412)):
            body = {"title": f"Title {uuid4().hex}"}
            reply = anna("PATCH", path, body, headers={"If-Match": if_match})
            assert reply.status_code == status

    def test_every_command_on_a_case_is_accepted(self, anna: Caller, ben: Caller) -> None:
        path = anna.report().headers["Location"]
        changes: list[tuple[str, str, Any]] = [
            ("POST", "/evidence", {"evidence": [str(uuid4())]}),
            ("PUT", "/location", {"lat": 1, "lon": 2, "precision": "city", "name": "Here"}),
            ("POST", "/tags/police", None),
            ("DELETE", "/tags/police", None),
            ("POST", "/tags", {"tag": "land/water"}),
            ("DELETE", "/tags?tag=land%2Fwater", None),
            ("DELETE", "", None),
        ]
        for method, more, body in changes:
            assert anna(method, path + more, body).status_code == 204
        assert problem(anna("POST", f"{path}/tags/late")) == (409, "withdrawn")
        assert problem(anna("POST", f"{path}/tags/{'x' * 41}")) == (422, "invalid")
        assert problem(ben("PUT", f"{path}/support")) == (404, "not-found")
        assert problem(ben("PUT", f"{path}/follow")) == (404, "not-found")
        assert ben("DELETE", f"{path}/support").status_code == 204
        assert ben("DELETE", f"{path}/follow").status_code == 204

    def test_a_tag_with_a_slash_is_added_and_removed(self, anna: Caller) -> None:
        reply = anna.report(tags=["land/water"])
        path = reply.headers["Location"]
        removed = anna("DELETE", f"{path}/tags?tag=land%2Fwater")
        assert anna("GET", path, headers=read_after(removed)).json["tags"] == []
        added = anna("POST", f"{path}/tags", {"tag": "land/air"})
        assert anna("GET", path, headers=read_after(added)).json["tags"] == ["land/air"]
        assert problem(anna("POST", f"{path}/tags", {"tag": ""})) == (422, "invalid")

    @pytest.mark.parametrize(
        ("title", "status"),
        [
            ("\u200b\u200b\u200b", 422),
            ("\u200f\ufeff\u2060", 422),
            ("\u3164\u3164\u3164", 422),
            ("\u200f\u05e2\u05d1\u05e8", 201),
            ("\u0645\u06cc\u200c\u062e\u0648", 201),
        ],
    )
    def test_a_title_can_be_seen(self, anna: Caller, title: str, status: int) -> None:
        assert anna.report(title=title).status_code == status

    def test_the_past_of_an_unpublished_case_is_visible_to_its_author_only(
        self, anna: Caller, ben: Caller
    ) -> None:
        reply = anna.report()
        path = reply.headers["Location"]
        headers = {"Klarity-Token": reply.headers["Klarity-Token"]}
        history = anna("GET", f"{path}/history", headers=headers).json["items"]
        assert [change["what"] for change in history] == ["CaseReported"]
        assert anna("GET", f"{path}/proof").json["items"][0]["version"] == 1
        later = anna("GET", f"{path}?as_of=2100-01-01T00:00:00Z").json
        assert later["title"] == "A permit for a bribe"
        assert {"supports", "parties", "comments"}.isdisjoint(later)
        assert anna("GET", f"{path}?as_of=2000-01-01T00:00:00Z").status_code == 404
        assert anna("GET", f"{path}?as_of=yesterday").status_code == 422
        for more in ("", "/history", "/proof"):
            assert ben("GET", path + more).status_code == 404

    def test_the_proof_of_a_case_can_be_verified_without_a_key(self, anna: Caller) -> None:
        reply = anna.report()
        path = reply.headers["Location"]
        amended = anna("PATCH", path, {"title": "A permit for another bribe"})
        assert amended.status_code == 204
        running = sha256(f"case-{reply.json['case_id']}".encode()).digest()
        steps = anna("GET", f"{path}/proof", headers=read_after(amended)).json["items"]
        for step in steps:
            running = sha256(running + step["body"].encode()).digest()
            assert step["hash"] == running.hex()
        assert len(steps) == 2

    def test_location_day_and_tags_are_not_in_the_proof(self, anna: Caller) -> None:
        first = {"lat": 12.3456, "lon": 65.4321, "precision": "street", "name": "Mill Lane"}
        reply = anna.report(location=first, occurred_on="2026-01-31", tags=["nurse"])
        path = reply.headers["Location"]
        assert anna("PUT", f"{path}/location", {**first, "precision": "region"}).status_code == 204
        assert anna("PATCH", path, {"occurred_on": None}).status_code == 204
        untagged = anna("DELETE", f"{path}/tags/nurse")
        assert untagged.status_code == 204
        proof = anna("GET", f"{path}/proof", headers=read_after(untagged))
        assert len(proof.json["items"]) == 4
        for told in ("12.3", "65.4", "street", "region", "Mill", "2026-01-31", "nurse"):
            assert told not in proof.text

    @pytest.mark.usefixtures("exact_times")
    def test_the_past_does_not_show_a_corrected_location_day_or_tag(self, anna: Caller) -> None:
        place = {"lat": 12.3456, "lon": 65.4321, "precision": "street"}
        reply = anna.report(location=place, occurred_on="2026-01-31", tags=["nurse", "police"])
        path = reply.headers["Location"]
        headers = {"Klarity-Token": reply.headers["Klarity-Token"]}
        then = anna("GET", f"{path}/history", headers=headers).json["items"][0]["at"]
        stood = anna("GET", f"{path}?as_of={then}").json
        assert (stood["location"]["lat"], stood["occurred_on"]) == (12.346, "2026-01-31")
        anna("PATCH", path, {"occurred_on": None})
        anna("DELETE", f"{path}/tags/nurse")
        corrected = anna("PUT", f"{path}/location", {**place, "precision": "region"})
        headers = {"Klarity-Token": corrected.headers["Klarity-Token"]}
        stood = anna("GET", f"{path}?as_of={then}", headers=headers).json
        assert (stood["location"], stood["occurred_on"], stood["tags"]) == (None, None, ["police"])
        assert stood["title"] == "A permit for a bribe"

    @pytest.mark.usefixtures("exact_times")
    @pytest.mark.parametrize(
        ("anonymous", "title", "category"), [(True, "Later", "fraud"), (False, "At first", "other")]
    )
    def test_the_past_of_an_anonymous_case_does_not_show_amended_text(
        self, anna: Caller, anonymous: bool, title: str, category: str
    ) -> None:
        reply = anna.report(title="At first", anonymous=anonymous)
        path = reply.headers["Location"]
        headers = {"Klarity-Token": reply.headers["Klarity-Token"]}
        then = anna("GET", f"{path}/history", headers=headers).json["items"][0]["at"]
        amended = anna("PATCH", path, {"title": "Later", "category": "fraud"})
        headers = {"Klarity-Token": amended.headers["Klarity-Token"]}
        stood = anna("GET", f"{path}?as_of={then}", headers=headers).json
        assert (stood["title"], stood["category"]) == (title, category)


class TestReading:
    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=x",
            "bbox=1,2,3",
            "bbox=0,0,nan,1",
            "bbox=0,0,1,91",
            "near=91,0",
            "near=1,2&within_km=nan",
            "category=gossip",
            f"case_ids={',' * 100}",
            "created_after=soon",
            "created_after=0001-01-01T00:00:00%2B14:00",
            "surprise=1",
        ],
    )
    def test_an_invalid_filter_is_refused(self, anybody: Caller, query: str) -> None:
        assert problem(anybody("GET", f"/v1/cases?{query}")) == (422, "invalid")

    @pytest.mark.parametrize("cursor", ["x", "!!!", "gqFhoWI", "wKFi"])
    def test_a_foreign_cursor_is_refused(self, anybody: Caller, cursor: str) -> None:
        assert problem(anybody("GET", f"/v1/cases?cursor={cursor}")) == (400, "malformed")

    def test_the_instance_document_lists_categories_and_limits(self, anybody: Caller) -> None:
        instance = anybody("GET", "/v1/instance").json
        assert "bribery" in instance["categories"]
        assert instance["limits"]["largest_upload"] > 0
        assert instance["limits"]["uploads_a_day"] == 200
        assert instance["limits"]["upload_bytes_a_day"] == 10_000_000_000

    def test_operators_can_read_health_and_metrics(self, operator: Caller) -> None:
        assert operator("GET", "/health/live").json == {"status": "alive"}
        assert operator("GET", "/health/ready").status_code == 200
        assert "klarity_events_behind" in operator("GET", "/metrics").text

    @pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/events/cases"])
    def test_internal_paths_are_not_found_at_the_public_address(
        self, process: Process, anybody: Caller, path: str
    ) -> None:
        headers = {"Authorization": f"Bearer {process.container.keys().services}"}
        for reply in (anybody("GET", path), process.app.test_client().get(path, headers=headers)):
            assert problem(reply) == (404, "not-found")

    def test_metrics_count_waiting_events_by_reason(self, operator: Caller) -> None:
        text = operator("GET", "/metrics").text
        name = "when-evidence-is-received-then-sanitise-it"
        for lane in ("short", "long"):
            for reason in ("busy", "tool-missing", "store-away", "failed"):
                labels = f'lane="{lane}",name="{name}",reason="{reason}"'
                assert f"klarity_slow_waiting{{{labels}}} 0.0" in text
            assert f'klarity_slow_running{{lane="{lane}",name="{name}"}} 0.0' in text
            assert f'klarity_slow_oldest_seconds{{lane="{lane}",name="{name}"}} 0.0' in text
        assert f'klarity_parked_events{{kind="policy",name="{name}"}} 0.0' in text
        assert 'klarity_uploads_refused_total{reason="quota"} 0.0' in text

    def test_the_documentation_loads_no_foreign_assets(self, anybody: Caller) -> None:
        page = anybody("GET", "/docs").text
        assert not re.findall(r"https?://", page)
        for path in re.findall(r'(?:src|href)="([^"]+)"', page):
            with anybody("GET", path) as asset:
                assert asset.status_code == 200
        assert anybody("GET", "/docs/assets/../../secret").status_code == 404

    def test_every_reference_in_openapi_and_asyncapi_is_resolved(self, anybody: Caller) -> None:
        for path in ("/openapi.json", "/asyncapi.json"):
            document = anybody("GET", path).json
            for reference in references(document):
                assert resolved(document, reference) is not None, reference


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if isinstance(node, dict):
        found = [reference for item in node.values() for reference in references(item)]
        return [*found, node["$ref"]] if isinstance(node.get("$ref"), str) else found
    return []


def resolved(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document.get(part)
    return document


class TestHistoryFeed:
    def ask(self, process: Process, path: str, token: str | None = None) -> Any:
        token = token or process.container.keys().services
        client = process.internal_app.test_client()
        return client.get(path, headers={"Authorization": f"Bearer {token}"})

    def test_the_history_feed_needs_the_key_of_the_services(
        self, process: Process, anna: Caller
    ) -> None:
        assert problem(self.ask(process, "/events/cases", "wrong")) == (401, "not-signed-in")
        assert problem(self.ask(process, "/events/cases", anna.token)) == (401, "not-signed-in")

    def test_only_full_pages_of_history_can_be_cached(self, process: Process, anna: Caller) -> None:
        anna.report()
        full = self.ask(process, "/events/cases?limit=1")
        assert "max-age" in full.headers["Cache-Control"]
        end = self.ask(process, "/events/cases?after=999999")
        assert (end.json, end.headers["Cache-Control"]) == ([], "no-store")
        assert full.content_type == "application/cloudevents-batch+json"

    def test_the_history_feed_serves_positions(self, process: Process, anna: Caller) -> None:
        case_id = anna.report().json["case_id"]
        last = self.ask(process, "/events/cases/positions/last").json["position"]
        own = self.ask(process, f"/events/cases/positions/case-{case_id}/1").json["position"]
        assert 0 < own <= last

    def test_other_logs_and_positions_are_not_found(self, process: Process) -> None:
        assert self.ask(process, "/events/gossip").status_code == 404
        assert self.ask(process, "/events/cases/positions/case-x/1").status_code == 404


class TestConfidentiality:
    def test_a_forged_consistency_token_is_refused(self, anybody: Caller) -> None:
        made_up = opaque(bytes(16) + b'["members","member-1",1]')
        reply = anybody("GET", "/v1/cases", headers={TOKEN_HEADER: made_up})
        assert (reply.status_code, reply.json["type"]) == (400, "/problems/malformed")

    def test_requiring_a_version_does_not_reveal_an_invisible_case(
        self, anna: Caller, ben: Caller
    ) -> None:
        path = anna.report().headers["Location"]
        for if_match in ('"1"', '"2"', '"x"', "*"):
            reply = ben("POST", f"{path}/tags/roads", headers={"If-Match": if_match})
            assert problem(reply) == (404, "not-found")

    def test_equal_requests_of_two_members_have_different_fingerprints(
        self, anna: Caller, ben: Caller
    ) -> None:
        traces = []
        for caller in (anna, ben):
            body = {"title": "A bribe", "story": "Money.", "location": {"lat": 52.1, "lon": 13.2}}
            reported = caller("POST", "/v1/cases", body, headers={"Idempotency-Key": "the same"})
            token = {TOKEN_HEADER: reported.headers[TOKEN_HEADER]}
            proof = caller("GET", f"{reported.headers['Location']}/proof", headers=token)
            traces.append(json.loads(proof.json["items"][0]["body"])["fingerprint"])
        assert traces[0] != traces[1]

    def test_the_events_of_an_anonymous_case_hold_no_name(
        self, process: Process, anna: Caller
    ) -> None:
        case_id = anna.report(anonymous=True).json["case_id"]
        (reported,) = process.container.executors().cases.events(case_id)
        assert isinstance(reported, CaseReported)
        assert (reported.author_name, bool(reported.author)) == ("", True)

    def test_a_suspended_moderator_cannot_moderate_but_can_be_erased(
        self, process: Process, admin: Caller
    ) -> None:
        moderator = Caller(process.app.test_client()).join()
        path = f"/v1/members/{moderator.member_id}"
        assert admin("PUT", f"{path}/roles/moderator").status_code == 204
        assert moderator("GET", "/v1/moderation/queue").status_code == 200
        assert admin("PUT", f"{path}/suspension", {"reason": "spam"}).status_code == 204
        assert moderator("GET", "/v1/moderation/queue").status_code == 403
        assert moderator("DELETE", "/v1/sessions/current").status_code == 204
        moderator.sign_in()
        assert moderator.leave().status_code == 202

    def test_the_past_does_not_show_parts_of_a_case_that_was_hidden(
        self, process: Process, admin: Caller, anna: Caller, anybody: Caller
    ) -> None:
        case = publish(process, anna)
        before = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        do, at = process.container.executors().cases, process.container.clock()()
        do.execute(case.case_id, HideCase(rule="spam", by=SYSTEM, at=at), CommandContext())
        receipt = do.execute(case.case_id, RestoreCase(by=SYSTEM, at=at), CommandContext())
        with process.app.app_context():
            token = {TOKEN_HEADER: write_token(receipt)}
        path = f"/v1/cases/{case.case_id}"
        assert anybody("GET", path, headers=token).status_code == 200
        assert anybody("GET", f"{path}?as_of={before}").status_code == 404
        then = admin("GET", f"{path}?as_of={before}")
        assert then.status_code == 200
        assert then.json.keys() & {"evidence", "parties", "comments"} == {"evidence"}

    def test_documents_hold_the_urls_of_their_media(
        self, process: Process, anna: Caller, anybody: Caller
    ) -> None:
        case = publish(process, anna, MediaKind.VIDEO)
        path = f"/v1/evidence/{case.evidence_id}"
        addresses = {"poster_url": f"{path}/poster", "content_url": f"{path}/content"}
        shown = anybody("GET", f"/v1/cases/{case.case_id}", headers=case.seen).json
        of_evidence = {"evidence_id": case.evidence_id, "sha256": "ab" * 32, **addresses}
        of_case = {"kind": "video", "commitment": "cd" * 32}
        assert shown["evidence"] == [{**of_evidence, **of_case}]
        (listed,) = [
            each
            for each in anybody("GET", "/v1/cases", headers=case.seen).json["items"]
            if each["case_id"] == case.case_id
        ]
        assert listed["evidence"] == shown["evidence"]
        video = anybody("GET", "/v1/videos", headers=case.seen).json["items"][0]
        assert video.pop("accepted_at")
        assert video == {**of_evidence, "case_id": case.case_id}
