"""Discussing a case over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from config.process import Process
from entrypoints.http.requests import TOKEN_HEADER
from tests.http.conftest import Caller, eventually, problem
from tests.http.public_cases import publish, withdraw

TEXT = {"text": "I saw the same."}


def opened(process: Process, author: Caller) -> str:
    """The path of a public case whose discussion is open."""
    path = f"/v1/cases/{publish(process, author).case_id}"
    eventually(lambda: author("POST", f"{path}/comments", TEXT).status_code == 201 or None)
    return path


@pytest.fixture(scope="module")
def path(process: Process, anna: Caller) -> str:
    return opened(process, anna)


def say(caller: Caller, path: str, **more: str) -> str:
    """The path of a new comment."""
    reply = caller("POST", f"{path}/comments", {**TEXT, **more})
    assert reply.status_code == 201, reply.text
    location: str = reply.headers["Location"]
    seen = {TOKEN_HEADER: reply.headers[TOKEN_HEADER]}
    assert caller("GET", location, headers=seen).status_code == 200
    return location


def id_of(comment: str) -> str:
    return comment.rpartition("/")[2]


class TestWriting:
    def test_a_comment_can_be_read_back_at_once(
        self, ben: Caller, anybody: Caller, path: str
    ) -> None:
        reply = ben("POST", f"{path}/comments", TEXT)
        assert (reply.status_code, reply.headers["ETag"]) == (201, '"2"')
        seen = {TOKEN_HEADER: reply.headers[TOKEN_HEADER]}
        comment = anybody("GET", reply.headers["Location"], headers=seen).json
        assert comment["comment_id"] == reply.json["comment_id"]
        assert comment["author"] == {"member_id": ben.member_id, "pseudonym": ben.pseudonym}
        assert (comment["status"], comment["text"]) == ("visible", TEXT["text"])
        assert {"author_id", "hidden_text", "public"}.isdisjoint(comment)
        case = anybody("GET", path, headers=seen).json
        assert case["comments"] >= 1

    def test_a_comment_with_its_own_id_can_be_repeated(self, ben: Caller, path: str) -> None:
        body = {**TEXT, "comment_id": str(uuid4())}
        first, again = (ben("POST", f"{path}/comments", body) for _ in range(2))
        assert (again.status_code, again.json) == (201, first.json)

    @pytest.mark.parametrize(
        ("method", "more"),
        [
            ("POST", "/comments"),
            ("PUT", "/discussion/lock"),
            ("DELETE", "/discussion/lock"),
        ],
    )
    def test_commenting_without_signing_in_is_refused(
        self, anybody: Caller, path: str, method: str, more: str
    ) -> None:
        assert problem(anybody(method, path + more, {})) == (401, "not-signed-in")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("text", ""),
            ("text", "x" * 5001),
            ("text", "a\x00b"),
            ("text", None),
            ("text", 7),
            ("comment_id", "c1"),
            ("parent_id", "c1"),
            ("parent_id", None),
            ("surprise", 1),
        ],
    )
    def test_an_invalid_field_is_named(
        self, ben: Caller, path: str, field: str, value: Any
    ) -> None:
        reply = ben("POST", f"{path}/comments", {**TEXT, field: value})
        assert problem(reply) == (422, "invalid")
        assert list(reply.json["errors"]) == [field]

    def test_a_body_other_than_json_or_without_a_text_is_refused(
        self, ben: Caller, path: str
    ) -> None:
        reply = ben("POST", f"{path}/comments", data="text=x", content_type="text/plain")
        assert problem(reply) == (415, "unsupported-media-type")
        assert list(ben("POST", f"{path}/comments", {}).json["errors"]) == ["text"]

    def test_an_idempotency_key_is_used_for_one_comment(self, ben: Caller, path: str) -> None:
        headers = {"Idempotency-Key": uuid4().hex}
        first = ben("POST", f"{path}/comments", TEXT, headers=headers)
        again = ben("POST", f"{path}/comments", TEXT, headers=headers)
        other = ben("POST", f"{path}/comments", {"text": "Another"}, headers=headers)
        assert (again.json, again.headers["ETag"]) == (first.json, first.headers["ETag"])
        assert problem(other) == (422, "idempotency-key-reused")

    def test_a_client_can_choose_the_id_of_a_comment(
        self, ben: Caller, anna: Caller, path: str
    ) -> None:
        own = {"comment_id": str(uuid4())}
        assert id_of(say(ben, path, **own)) == own["comment_id"]
        for caller in (ben, anna):
            reply = caller("POST", f"{path}/comments", {"text": "Other", **own})
            assert problem(reply) == (409, "already-written")

    def test_replying_to_a_comment_of_another_discussion_is_refused(
        self, process: Process, anna: Caller, ben: Caller, path: str
    ) -> None:
        elsewhere = say(ben, opened(process, anna))
        removed = say(ben, path)
        assert ben("DELETE", removed).status_code == 204
        for parent in (id_of(elsewhere), id_of(removed), str(uuid4())):
            reply = ben("POST", f"{path}/comments", {**TEXT, "parent_id": parent})
            assert problem(reply) == (404, "not-found")

    def test_commenting_on_an_unpublished_or_missing_case_is_refused(
        self, process: Process, anna: Caller
    ) -> None:
        waiting = anna.report().json["case_id"]
        for case_id in (waiting, uuid4()):
            reply = anna("POST", f"/v1/cases/{case_id}/comments", TEXT)
            assert problem(reply) == (404, "not-found")
            assert anna("GET", f"/v1/cases/{case_id}/comments").json == {"items": []}
        assert anna("GET", "/v1/cases/no-case/comments").status_code == 404

    def test_a_suspended_member_cannot_comment(
        self, process: Process, admin: Caller, path: str
    ) -> None:
        caller = Caller(process.app.test_client()).join()
        standing = f"/v1/members/{caller.member_id}/suspension"
        assert admin("PUT", standing, {"reason": "spam"}).status_code == 204
        assert problem(caller("POST", f"{path}/comments", TEXT)) == (403, "suspended")


class TestChanging:
    def test_an_edit_can_require_a_version(self, ben: Caller, path: str) -> None:
        comment = say(ben, path)
        for if_match, status in (('"2"', 204), ('"2"', 412), ("*", 204), ('"x"', 412)):
            body = {"text": f"Text {uuid4().hex}"}
            assert ben("PATCH", comment, body, headers={"If-Match": if_match}).status_code == status
        removal = ben("DELETE", comment, headers={"If-Match": '"2"'})
        assert problem(removal) == (412, "stale")

    def test_an_edit_with_the_same_text_keeps_the_version(self, ben: Caller, path: str) -> None:
        comment = say(ben, path)
        assert ben("PATCH", comment, TEXT).headers["ETag"] == '"2"'

    @pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": "x", "parent_id": "y"}])
    def test_an_edit_with_an_invalid_text_is_refused(
        self, ben: Caller, path: str, body: dict[str, str]
    ) -> None:
        assert problem(ben("PATCH", say(ben, path), body)) == (422, "invalid")

    def test_only_the_author_edits_a_comment(
        self, anna: Caller, moderator: Caller, ben: Caller, path: str
    ) -> None:
        comment = say(ben, path)
        for caller in (anna, moderator):
            assert problem(caller("PATCH", comment, TEXT)) == (403, "forbidden")
        assert problem(ben("PATCH", f"/v1/comments/{uuid4()}", TEXT)) == (404, "not-found")

    def test_only_the_author_removes_a_comment(
        self, anna: Caller, moderator: Caller, ben: Caller, path: str
    ) -> None:
        own = say(ben, path)
        for caller in (anna, moderator):
            assert problem(caller("DELETE", own)) == (403, "forbidden")
        assert [ben("DELETE", own).status_code for _ in range(2)] == [204, 204]
        for comment in (own, f"/v1/comments/{uuid4()}"):
            assert problem(moderator("DELETE", comment)) == (404, "not-found")
            assert problem(ben("PATCH", comment, TEXT)) == (404, "not-found")

    def test_a_removed_comment_is_not_served(self, ben: Caller, anybody: Caller, path: str) -> None:
        comment = say(ben, path, text="Never mind me.")
        headers = {TOKEN_HEADER: ben("DELETE", comment).headers[TOKEN_HEADER]}
        for more in ("", "/history", "/proof", "?as_of=2100-01-01T00:00:00Z"):
            assert anybody("GET", comment + more, headers=headers).status_code == 404
        assert "Never mind" not in anybody("GET", f"{path}/comments?limit=100").text

    @pytest.mark.usefixtures("exact_times")
    def test_the_past_and_history_of_a_comment_are_served(
        self, ben: Caller, anybody: Caller, path: str
    ) -> None:
        comment = say(ben, path, text="It was on Monday.")
        edited = ben("PATCH", comment, {"text": "It was on Tuesday."})
        headers = {TOKEN_HEADER: edited.headers[TOKEN_HEADER]}
        items = anybody("GET", f"{comment}/history", headers=headers).json["items"]
        first, *_ = items
        told = [item["what"] for item in items]
        assert told == ["CommentWritten", "CommentShown", "CommentEdited"]
        then = anybody("GET", f"{comment}?as_of={first['at']}").json
        now = anybody("GET", comment)
        assert (then["text"], now.json["text"]) == ("It was on Monday.", "It was on Tuesday.")
        assert now.headers["ETag"].startswith('"3-')
        assert "Monday" not in anybody("GET", f"{comment}/proof").text
        assert anybody("GET", f"{comment}?as_of=2000-01-01T00:00:00Z").status_code == 404
        assert anybody("GET", f"{comment}?as_of=soon").status_code == 422

    def test_what_an_anonymous_reporter_corrected_is_shown_to_nobody(
        self, process: Process, ben: Caller, anybody: Caller, moderator: Caller
    ) -> None:
        case = f"/v1/cases/{publish(process, ben, anonymous=True).case_id}"
        eventually(lambda: ben("POST", f"{case}/comments", TEXT).status_code == 201 or None)
        comment = say(ben, case, text="My shift ended on Monday.")
        edited = ben("PATCH", comment, {"text": "It was in the morning."})
        headers = {TOKEN_HEADER: edited.headers[TOKEN_HEADER]}
        first, *_ = anybody("GET", f"{comment}/history", headers=headers).json["items"]
        for caller in (anybody, moderator, ben):
            stood = caller("GET", f"{comment}?as_of={first['at']}").json
            assert (stood["author"], stood["text"]) == (None, "It was in the morning.")
        removed = ben("DELETE", comment)
        headers = {TOKEN_HEADER: removed.headers[TOKEN_HEADER]}
        for more in ("", f"?as_of={first['at']}", "/history", "/proof"):
            told = moderator("GET", comment + more, headers=headers).text
            assert "Monday" not in told
            assert "morning" not in told


class TestReading:
    def test_comments_are_paged_oldest_first(
        self, process: Process, anna: Caller, anybody: Caller
    ) -> None:
        path = opened(process, anna)
        last = [id_of(say(anna, path, text=f"Part {part}")) for part in range(3)][-1]
        first = anybody("GET", f"{path}/comments?limit=3")
        assert first.json["items"][0]["text"] == TEXT["text"]
        link = first.headers["Link"].partition(">")[0].removeprefix("<")
        rest = anybody("GET", link)
        assert [item["comment_id"] for item in rest.json["items"]] == [last]
        assert "Link" not in rest.headers
        elsewhere = link.replace(path, f"/v1/cases/{uuid4()}")
        assert problem(anybody("GET", elsewhere)) == (400, "malformed")

    @pytest.mark.parametrize("query", ["limit=0", "surprise=1", "case_id=x"])
    def test_an_invalid_filter_is_refused(self, anybody: Caller, path: str, query: str) -> None:
        assert problem(anybody("GET", f"{path}/comments?{query}")) == (422, "invalid")

    def test_the_discussion_of_a_withdrawn_case_is_not_served(
        self, process: Process, anna: Caller, ben: Caller, anybody: Caller
    ) -> None:
        case = publish(process, anna)
        path = f"/v1/cases/{case.case_id}"
        eventually(lambda: ben("POST", f"{path}/comments", TEXT).status_code == 201 or None)
        comment = say(ben, path)
        withdraw(anna, case)
        eventually(lambda: anybody("GET", comment).status_code == 404 or None)
        assert anybody("GET", f"{path}/comments").json == {"items": []}
        assert problem(ben("PATCH", comment, {"text": "Still here?"})) == (404, "not-found")

    def test_comments_of_an_erased_member_are_gone(
        self, process: Process, anna: Caller, anybody: Caller, moderator: Caller, path: str
    ) -> None:
        leaver = Caller(process.app.test_client()).join()
        comment = say(leaver, path, text="Soon forgotten.")
        assert leaver.leave().status_code == 202
        eventually(lambda: moderator("GET", comment).status_code == 410 or None)
        told = anybody("GET", f"{path}/comments?limit=100").text
        assert "Soon forgotten" not in told
        assert leaver.member_id not in told
        for method in ("PATCH", "DELETE"):
            body = TEXT if method == "PATCH" else None
            eventually(lambda: anna(method, comment, body).status_code == 410 or None)  # noqa: B023 - asked at once


class TestLocking:
    def test_moderators_lock_and_unlock(
        self, process: Process, anna: Caller, ben: Caller, moderator: Caller
    ) -> None:
        path = opened(process, anna)
        comment, lock = say(ben, path), f"{path}/discussion/lock"
        for method in ("PUT", "DELETE"):
            assert problem(ben(method, lock)) == (403, "forbidden")
        assert [moderator("PUT", lock).status_code for _ in range(2)] == [204, 204]
        assert problem(ben("POST", f"{path}/comments", TEXT)) == (409, "locked")
        assert problem(ben("PATCH", comment, {"text": "More"})) == (409, "locked")
        assert ben("DELETE", comment).status_code == 204
        assert [moderator("DELETE", lock).status_code for _ in range(2)] == [204, 204]
        assert ben("POST", f"{path}/comments", TEXT).status_code == 201

    def test_a_lock_can_require_a_version(
        self, process: Process, anna: Caller, moderator: Caller
    ) -> None:
        lock = f"{opened(process, anna)}/discussion/lock"
        version = moderator("PUT", lock).headers["ETag"]
        stale = moderator("DELETE", lock, headers={"If-Match": '"1"'})
        assert problem(stale) == (412, "stale")
        assert moderator("DELETE", lock, headers={"If-Match": version}).status_code == 204

    def test_moderators_cannot_lock_the_discussion_of_their_own_case(
        self, process: Process, moderator: Caller
    ) -> None:
        lock = f"{opened(process, moderator)}/discussion/lock"
        for method in ("PUT", "DELETE"):
            assert problem(moderator(method, lock)) == (409, "not-oneself")

    def test_locking_a_missing_discussion_is_refused(self, moderator: Caller) -> None:
        for method in ("PUT", "DELETE"):
            reply = moderator(method, f"/v1/cases/{uuid4()}/discussion/lock")
            assert problem(reply) == (404, "not-found")
