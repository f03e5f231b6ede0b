"""What members find of their own on every deployment, and nobody else does."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_community import flag, say
from tests.system.phone import Phone, assert_becomes, is_public

pytestmark = pytest.mark.system

LISTS = ("cases", "comments", "supports", "follows", "flags")


def mine(phone: Phone, name: str, **headers: str) -> list[dict[str, Any]]:
    reply = phone.get(f"/v1/me/{name}", **headers)
    assert reply.status_code == 200, reply.text
    assert "no-store" in reply.headers["Cache-Control"]
    items: list[dict[str, Any]] = reply.json()["items"]
    return items


def ids(phone: Phone, name: str, key: str = "case_id") -> list[str]:
    return [each[key] for each in mine(phone, name)]


@pytest.mark.every_deployment("aliases are found in every store of read models")
def test_members_find_what_is_theirs_and_an_anonymous_author_alone_finds_their_case(
    newcomer: Phone, ben: Phone, passer_by: Phone, files: Path
) -> None:
    photo = newcomer.upload(files / "photo.jpg")
    reply = newcomer.report(evidence=[photo], anonymous=True)
    case_id, token = reply.json()["case_id"], reply.headers["Klarity-Token"]
    (case,) = mine(newcomer, "cases", Klarity_Token=token)
    assert (case["case_id"], case["anonymous"]) == (case_id, True)
    passer_by.case_when(case_id, is_public)
    path = f"/v1/cases/{case_id}"
    assert newcomer.call("PUT", f"{path}/follow").status_code == 204
    assert ben.call("PUT", f"{path}/support").status_code == 204
    own, other = say(newcomer, case_id, "I reported it."), say(ben, case_id, "I saw it too.")
    assert flag(ben, "comment", own).status_code == 201

    assert_becomes(lambda: [each["status"] for each in mine(newcomer, "cases")], ["published"])
    assert_becomes(partial(ids, newcomer, "follows"), [case_id])
    assert_becomes(partial(ids, newcomer, "comments", "comment_id"), [own])
    assert_becomes(partial(ids, ben, "supports"), [case_id])
    assert_becomes(partial(ids, ben, "comments", "comment_id"), [other])
    assert_becomes(partial(ids, ben, "flags", "subject_id"), [own])
    assert (ids(newcomer, "supports"), ids(newcomer, "flags")) == ([], [])
    assert case_id not in ids(ben, "cases") + ids(ben, "follows")

    assert newcomer.leave().status_code == 202
    assert_becomes(partial(ids, ben, "supports"), [])
    for name in LISTS:
        assert newcomer.get(f"/v1/me/{name}").status_code == 401


def test_members_learn_why_their_evidence_was_rejected(
    newcomer: Phone, files: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((files / "photo.jpg").read_bytes()[:300])
    item = newcomer.upload(broken)
    newcomer.report(evidence=[item])

    def found() -> list[tuple[str, str, str]]:
        return [
            (case["missing"], each["progress"], each["status"])
            for case in mine(newcomer, "cases")
            for each in case["evidence"]
        ]

    assert_becomes(found, [("evidence", "refused", "rejected")])
    (case,) = mine(newcomer, "cases")
    assert case["evidence"][0]["reason"] == newcomer.get(f"/v1/evidence/{item}").json()["reason"]


@pytest.mark.every_deployment("lists are composed in every store of read models")
def test_cases_are_recommended_until_a_member_turns_it_off(
    newcomer: Phone, ben: Phone, passer_by: Phone, files: Path
) -> None:
    photo = newcomer.upload(files / "photo.jpg")
    case_id = newcomer.report(evidence=[photo], tags=["ferries"]).json()["case_id"]
    passer_by.case_when(case_id, is_public)
    interests = {"interests": ["ferries"], "areas": []}
    assert ben.call("PUT", "/v1/me/interests", interests).status_code == 204

    def reasons(phone: Phone) -> list[str]:
        found = mine(phone, "recommended-cases?limit=100")
        cases = [case for case in found if case["case_id"] == case_id]
        return [each["kind"] for case in cases for each in case["reasons"]]

    assert_becomes(partial(reasons, ben), ["followed_tag"])
    assert reasons(newcomer) == [], "it is their own"
    for on, expected in ((False, []), (True, ["followed_tag"])):
        switched = ben.call("PUT", "/v1/me/recommendations", {"on": on})
        assert switched.status_code == 204
        assert_becomes(partial(reasons, ben), expected)
