"""What Klarity promises its users on every deployment, through the public API."""

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests

from tests.acceptance.conftest import ROOT
from tests.exposition import values
from tests.media import SECRET
from tests.system.phone import Phone, Stream, assert_becomes, eventually, is_public, once_known

pytestmark = pytest.mark.system


def ids_of(phone: Phone, path: str, name: str) -> list[str]:
    """The ids of what a list shows."""
    return [item[name] for item in phone.get(path).json()["items"]]


def count_on_map(phone: Phone, query: str) -> int:
    clusters = phone.get(f"/v1/cases/clusters?{query}").json()["items"]
    return sum(cluster["count"] for cluster in clusters)


class TestMainJob:
    @pytest.mark.every_deployment("five services learn of each step by the bus alone")
    def test_a_report_with_a_video_is_published_and_listed_as_popular(
        self, anna: Phone, ben: Phone, passer_by: Phone, phone_files: Path
    ) -> None:
        video = anna.upload(phone_files / "video.mp4")
        case_id = anna.report(title="Paid for a stamp", evidence=[video]).json()["case_id"]

        case = passer_by.case_when(case_id, is_public)
        assert case["author"] == {"member_id": anna.member_id, "pseudonym": anna.pseudonym}
        assert [item["evidence_id"] for item in case["evidence"]] == [video]
        path = f"/v1/evidence/{video}/content"  # another service, which may be a little behind
        published = case["evidence"][0]["sha256"]
        assert_becomes(lambda: sha256(passer_by.get(path).content).hexdigest(), published)

        token = ben.call("PUT", f"/v1/cases/{case_id}/support").headers["Klarity-Token"]
        assert ben.get(f"/v1/cases/{case_id}", Klarity_Token=token).json()["supports"] == 1
        popular = ben.get("/v1/popular-cases", Klarity_Token=token).json()["items"]
        assert {"case_id": case_id, "supports": 1} in [
            {"case_id": item["case_id"], "supports": item["supports"]} for item in popular
        ]
        assert_becomes(lambda: video in ids_of(passer_by, "/v1/videos", "evidence_id"), True)

    @pytest.mark.every_deployment("the bus may bring the events of two logs in either order")
    def test_evidence_available_before_the_report_publishes_the_case(
        self, anna: Phone, photo: str, passer_by: Phone
    ) -> None:
        case_id = anna.report(evidence=[photo]).json()["case_id"]
        passer_by.case_when(case_id, is_public)

    def test_a_case_without_evidence_is_visible_to_its_author_only(
        self, anna: Phone, ben: Phone, passer_by: Phone
    ) -> None:
        reply = anna.report()
        path, token = reply.headers["Location"], reply.headers["Klarity-Token"]
        assert reply.json()["status"] == "awaiting_evidence"
        assert anna.get(path, Klarity_Token=token).status_code == 200
        assert ben.get(path, Klarity_Token=token).status_code == 404
        assert passer_by.get(path, Klarity_Token=token).status_code == 404

    def test_evidence_attached_later_publishes_the_case(self, anna: Phone, photo: str) -> None:
        case_id = anna.report().json()["case_id"]
        reply = anna.call("POST", f"/v1/cases/{case_id}/evidence", {"evidence": [photo]})
        assert reply.status_code == 204
        anna.case_when(case_id, is_public)

    def test_evidence_of_another_member_does_not_publish_a_case(
        self, anna: Phone, ben: Phone, photo: str
    ) -> None:
        own = anna.report(evidence=[photo]).json()["case_id"]
        anna.case_when(own, is_public)
        body = {"title": "A bribe", "story": "They asked.", "evidence": [photo]}
        reply = ben.call("POST", "/v1/cases", body)
        assert (reply.status_code, reply.json()["type"]) == (409, "/problems/not-own-evidence")

    def test_members_support_a_case_once_and_never_their_own(
        self, anna: Phone, ben: Phone, public_case: str
    ) -> None:
        path = f"/v1/cases/{public_case}/support"
        own = anna.call("PUT", path)
        assert (own.status_code, own.json()["type"]) == (409, "/problems/own-case")
        ben.call("PUT", path)
        token = ben.call("PUT", path).headers["Klarity-Token"]
        case = ben.get(f"/v1/cases/{public_case}", Klarity_Token=token).json()
        assert case["supports"] == 1
        token = ben.call("DELETE", path).headers["Klarity-Token"]
        case = ben.get(f"/v1/cases/{public_case}", Klarity_Token=token).json()
        assert case["supports"] == 0

    def test_a_followed_case_counts_its_followers(self, ben: Phone, public_case: str) -> None:
        path = f"/v1/cases/{public_case}"
        token = ben.call("PUT", f"{path}/follow").headers["Klarity-Token"]
        assert ben.get(path, Klarity_Token=token).json()["followers"] == 1
        token = ben.call("DELETE", f"{path}/follow").headers["Klarity-Token"]
        assert ben.get(path, Klarity_Token=token).json()["followers"] == 0


class TestSharing:
    def test_a_share_is_counted_once_for_each_member_and_network(
        self, anna: Phone, ben: Phone, public_case: str
    ) -> None:
        path = f"/v1/cases/{public_case}"
        tokens = []
        for phone in (ben, ben, anna):
            reply = phone.call("POST", f"{path}/shares", {"network": "whatsapp"})
            assert reply.status_code == 204
            tokens.append(reply.headers["Klarity-Token"])
        case = anna.get(path, Klarity_Token=tokens[-1]).json()
        assert case["shares"] == 2
        assert case["shares_by_network"] == [{"network": "whatsapp", "shares": 2}]

    def test_the_preview_of_a_link_describes_the_case(
        self, anna: Phone, passer_by: Phone, photo: str
    ) -> None:
        case_id = anna.report(title="<b>Paid</b> twice", evidence=[photo]).json()["case_id"]
        anna.case_when(case_id, is_public)
        table = passer_by.get("/v1/cases.csv").text
        (address,) = re.findall(f"https?://[^,]+/cases/{case_id}", table)
        preview = passer_by.get(f"/oembed?url={quote(address, safe='')}").json()
        assert (preview["title"], preview["type"]) == ("<b>Paid</b> twice", "link")
        assert max(preview["thumbnail_width"], preview["thumbnail_height"]) <= 640

    def test_feeds_and_exports_hold_public_cases_and_no_anonymous_author(
        self, anna: Phone, passer_by: Phone, own_photo: str
    ) -> None:
        tag = f"t{uuid4().hex}"
        report = {"tags": [tag], "location": {"lat": 1, "lon": 2}, "anonymous": True}
        public = anna.report(evidence=[own_photo], **report).json()["case_id"]
        waiting = anna.report(**report).json()["case_id"]
        anna.case_when(public, is_public)
        for path in ("/v1/feeds/cases.atom", "/v1/cases.geojson", "/v1/cases.csv"):
            told = passer_by.get(f"{path}?tag={tag}")
            assert told.status_code == 200
            assert public in told.text
            for secret in (waiting, anna.member_id, anna.pseudonym):
                assert secret not in told.text


class TestSafety:
    def test_served_evidence_holds_no_trace_of_location_and_device(
        self, anna: Phone, passer_by: Phone, phone_files: Path, tmp_path: Path
    ) -> None:
        originals = [phone_files / name for name in ("photo.jpg", "video.mp4", "paper.pdf")]
        evidence = [anna.upload(original) for original in originals]
        case_id = anna.report(evidence=evidence).json()["case_id"]
        passer_by.case_when(case_id, lambda case: len(case["evidence"]) == len(evidence))
        for number, evidence_id in enumerate(evidence):
            path = f"/v1/evidence/{evidence_id}"
            for part, name in (("content", f"{number}"), ("poster", f"{number}.jpg")):
                reply = once_known(partial(passer_by.get, f"{path}/{part}"))
                assert reply.status_code == 200
                (tmp_path / name).write_bytes(reply.content)
        for original in originals:
            assert any(planted in read_metadata(original) for planted in PLANTED)
        for served in tmp_path.iterdir():
            assert not [planted for planted in PLANTED if planted in read_metadata(served)]

    def test_a_range_of_the_content_is_served(self, anna: Phone, photo: str) -> None:
        path = f"/v1/evidence/{photo}/content"
        whole = anna.get(path).content
        part = anna.get(path, Range="bytes=10-19")
        assert (part.status_code, part.content) == (206, whole[10:20])

    def test_evidence_without_a_public_case_is_visible_to_its_owner_only(
        self, anna: Phone, ben: Phone, files: Path
    ) -> None:
        own = anna.upload(files / "photo.jpg")
        anna.evidence_when_decided(own)
        assert ben.get(f"/v1/evidence/{own}").status_code == 404
        assert ben.get(f"/v1/evidence/{own}/content").status_code == 404

    def test_unsafe_evidence_is_rejected_with_a_reason(
        self, anna: Phone, tmp_path: Path, files: Path
    ) -> None:
        broken = tmp_path / "broken.jpg"
        broken.write_bytes((files / "photo.jpg").read_bytes()[:300])
        item = anna.evidence_when_decided(anna.upload(broken))
        assert item["status"] == "rejected"
        assert item["reason"]

    def test_the_author_is_notified_of_evidence_that_cannot_back_the_case(
        self, newcomer: Phone, ben: Phone, tmp_path: Path
    ) -> None:
        empty = tmp_path / "interrupted.mp4"
        empty.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\x10\0mdat" + bytes(4088))
        address = newcomer.announce(empty.stat().st_size)
        item = address.rpartition("/")[2]
        case_id = newcomer.report(evidence=[item]).json()["case_id"]
        newcomer.upload(empty, address)
        case = newcomer.case_when(case_id, lambda case: case["cited"][0]["progress"] == "refused")
        assert case["status"] == "awaiting_evidence"
        (cited,) = case["cited"]
        assert cited["reason"] == newcomer.get(f"/v1/evidence/{item}").json()["reason"]

        def told() -> list[tuple[str, str]]:
            items = newcomer.get("/v1/me/notifications").json()["items"]
            return [(each["subject_id"], each["reason"]) for each in items]

        assert_becomes(told, [(item, cited["reason"])])
        again = newcomer.call("POST", f"/v1/cases/{case_id}/evidence", {"evidence": [item]})
        assert (again.status_code, again.json()["type"]) == (409, "/problems/evidence-rejected")
        assert ben.get(f"/v1/cases/{case_id}").status_code == 404

    def test_evidence_of_an_anonymous_case_cannot_back_another_case(
        self, anna: Phone, public_case: str, photo: str
    ) -> None:
        body = {"title": "A bribe", "story": "They asked.", "evidence": [photo], "anonymous": True}
        reply = anna.call("POST", "/v1/cases", body)
        assert (reply.status_code, reply.json()["type"]) == (409, "/problems/evidence-taken")

    def test_a_delayed_case_waits_unseen_until_a_time_that_its_author_alone_learns(
        self, anna: Phone, ben: Phone, passer_by: Phone, own_photo: str
    ) -> None:
        hours = passer_by.get("/v1/instance").json()["limits"]["most_publish_within"]
        reply = anna.report(evidence=[own_photo], anonymous=True, publish_within=hours)
        case_id, path = reply.json()["case_id"], reply.headers["Location"]
        case = anna.case_when(case_id, lambda case: case["status"] == "awaiting_publication")
        assert case["reported_at"] is None
        delay = anna.get(f"{path}/delay").json()
        assert delay["publish_within"] == hours
        assert delay["public_by"] > datetime.now(UTC).isoformat()
        for phone in (ben, passer_by):
            for hidden in (path, f"{path}/history", f"{path}/proof", f"/v1/evidence/{own_photo}"):
                assert phone.get(hidden).status_code == 404, hidden
        assert ben.get(f"{path}/delay").status_code == 404
        assert case_id not in passer_by.get("/v1/cases?limit=100").text
        assert anna.call("DELETE", path).status_code == 204

    def test_an_anonymous_author_is_in_no_answer(
        self, anna: Phone, passer_by: Phone, own_photo: str
    ) -> None:
        reply = anna.report(
            evidence=[own_photo], anonymous=True, location={"lat": 52.123456, "lon": 13.654321}
        )
        path = reply.headers["Location"]
        case = passer_by.case_when(reply.json()["case_id"], is_public)
        assert case["author"] is None
        told = "".join(
            passer_by.get(path + more).text
            for more in ("", "/history", "/proof", f"?as_of={datetime.now(UTC).isoformat()[:26]}Z")
        )
        assert anna.member_id not in told
        assert anna.pseudonym not in told
        assert "52.1234" not in told
        assert case["location"]["lat"] == 52.12

    def test_the_hash_and_size_of_an_original_are_in_no_answer(
        self, anna: Phone, passer_by: Phone, own_photo: str, files: Path
    ) -> None:
        case_id = anna.report(evidence=[own_photo], anonymous=True).json()["case_id"]
        path, item = f"/v1/cases/{case_id}", f"/v1/evidence/{own_photo}"
        passer_by.case_when(case_id, is_public)
        assert_becomes(lambda: passer_by.get(item).status_code, 200)
        pages = (path, f"{path}/history", f"{path}/proof", item, f"{path}/evidence", "/v1/cases")
        replies = [passer_by.get(page) for page in (*pages, f"{item}/content", f"{item}/poster")]
        assert {reply.status_code for reply in replies} == {200}
        told = b"".join(f"{reply.headers}".encode() + reply.content for reply in replies)
        original = (files / "photo.jpg").read_bytes()
        assert sha256(original).hexdigest().encode() not in told
        assert not re.search(rf'"size": ?{len(original)}\b'.encode(), told)
        for part in ("content", "poster"):
            assert passer_by.get(f"{item}/{part}").content != original

    def test_only_the_owner_of_evidence_can_prove_its_original(
        self, anna: Phone, ben: Phone, passer_by: Phone, own_photo: str, files: Path
    ) -> None:
        path = f"/v1/evidence/{own_photo}/opening"
        assert [phone.get(path).status_code for phone in (passer_by, ben)] == [401, 404]
        reply = anna.get(path)
        assert reply.headers["Cache-Control"] == "no-store"
        opening = reply.json()
        assert opening["original_sha256"] == sha256((files / "photo.jpg").read_bytes()).hexdigest()
        opened = sha256((opening["salt"] + opening["original_sha256"]).encode()).hexdigest()
        case = passer_by.case_when(anna.report(evidence=[own_photo]).json()["case_id"], is_public)
        assert case["evidence"][0]["commitment"] == opening["commitment"] == opened
        evidence = f"/v1/evidence/{own_photo}"
        assert_becomes(lambda: passer_by.get(evidence).json().get("commitment"), opened)


PLANTED = (SECRET, "GPS", "2019:07:23")


def read_metadata(path: Path) -> str:
    """All that exiftool finds, which is not the tool that strips."""
    command = ["exiftool", "-a", "-G1", "-ee", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class TestChangingACase:
    def test_the_author_amends_locates_and_tags_a_case(self, anna: Phone, public_case: str) -> None:
        path = f"/v1/cases/{public_case}"
        assert anna.call("PATCH", path, {"title": "Paid twice"}).status_code == 204
        place = {"lat": -33.8688, "lon": 151.2093, "precision": "city", "name": "Sydney"}
        assert anna.call("PUT", f"{path}/location", place).status_code == 204
        token = anna.call("POST", f"{path}/tags/police").headers["Klarity-Token"]
        case = anna.get(path, Klarity_Token=token).json()
        assert case["title"] == "Paid twice"
        assert case["story"] == "They asked for money."
        assert case["location"] == {**place, "lat": -33.9, "lon": 151.2}
        assert case["tags"] == ["police"]

    def test_other_members_cannot_amend_or_withdraw_a_case(
        self, ben: Phone, public_case: str
    ) -> None:
        path = f"/v1/cases/{public_case}"
        assert ben.call("PATCH", path, {"title": "Not mine"}).status_code == 403
        assert ben.call("DELETE", path).status_code == 403

    def test_an_edit_of_an_outdated_version_is_refused(self, anna: Phone, public_case: str) -> None:
        path = f"/v1/cases/{public_case}"
        version = anna.get(path).headers["ETag"]
        first = anna.call("PATCH", path, {"title": "First edit"}, If_Match=version)
        second = anna.call("PATCH", path, {"title": "Second edit"}, If_Match=version)
        assert (first.status_code, second.status_code) == (204, 412)

    def test_a_withdrawn_case_is_visible_to_its_author_only(
        self, anna: Phone, passer_by: Phone, public_case: str
    ) -> None:
        path = f"/v1/cases/{public_case}"
        token = anna.call("DELETE", path).headers["Klarity-Token"]
        assert anna.get(path, Klarity_Token=token).json()["status"] == "withdrawn"
        assert passer_by.get(path, Klarity_Token=token).status_code == 404
        listed = passer_by.get("/v1/cases?limit=100", Klarity_Token=token).json()["items"]
        assert public_case not in [case["case_id"] for case in listed]

    def test_the_past_and_history_of_a_case_can_be_read(
        self, anna: Phone, passer_by: Phone, public_case: str
    ) -> None:
        path = f"/v1/cases/{public_case}"
        before = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
        token = anna.call("PATCH", path, {"title": "Another title"}).headers["Klarity-Token"]
        now = passer_by.get(path, Klarity_Token=token).json()
        assert passer_by.get(f"{path}?as_of={before}").status_code == 404
        then = passer_by.get(f"{path}?as_of={now['updated_at']}").json()
        assert (then["title"], now["title"]) == ("Another title", "Another title")
        changes = [change["what"] for change in passer_by.get(f"{path}/history").json()["items"]]
        assert changes[0] == "CaseReported"
        assert changes[-1] == "CaseAmended"

    def test_the_hash_chain_of_a_case_can_be_verified_offline(
        self, passer_by: Phone, public_case: str
    ) -> None:
        previous = sha256(f"case-{public_case}".encode()).digest()
        steps = passer_by.get(f"/v1/cases/{public_case}/proof").json()["items"]
        assert steps
        for step in steps:
            previous = sha256(previous + step["body"].encode()).digest()
            assert step["hash"] == previous.hex()


class TestFinding:
    @pytest.mark.every_deployment("the store of read models does the work")
    def test_cases_are_filtered_and_paged(self, anna: Phone, photo: str, passer_by: Phone) -> None:
        tag = uuid4().hex
        places = [(10.0, 20.0), (10.2, 20.2), (-40.0, 70.0)]
        for number, (lat, lon) in enumerate(places):
            reply = anna.report(
                title=f"Bribe {number} {tag}",
                category="bribery",
                tags=[tag],
                evidence=[photo],
                location={"lat": lat, "lon": lon},
            )
            anna.case_when(reply.json()["case_id"], is_public)

        def titles(query: str) -> list[str]:
            items = passer_by.get(f"/v1/cases?tag={tag}&{query}").json()["items"]
            return sorted(item["title"].partition(f" {tag}")[0] for item in items)

        assert titles("") == ["Bribe 0", "Bribe 1", "Bribe 2"]
        assert titles("category=fraud") == []
        # The search may be a moment behind.
        assert_becomes(lambda: titles(f"q={tag} 1"), ["Bribe 1"])
        assert titles("bbox=19,9,21,11") == ["Bribe 0", "Bribe 1"]
        assert titles("near=10,20&within_km=5") == ["Bribe 0"]
        assert_becomes(lambda: count_on_map(passer_by, "bbox=19,9,21,11&zoom=8") >= 2, True)
        first = passer_by.get(f"/v1/cases?tag={tag}&limit=2")
        rest = passer_by.get(first.links["next"]["url"])
        assert (len(first.json()["items"]), len(rest.json()["items"])) == (2, 1)
        paged = [item["title"] for page in (first, rest) for item in page.json()["items"]]
        assert sorted(paged) == [f"Bribe {number} {tag}" for number in range(3)]
        assert "next" not in rest.links


class TestConventions:
    def test_an_idempotency_key_repeats_one_request_and_refuses_another(self, anna: Phone) -> None:
        body = {"title": "Once only", "story": "It happened once."}
        key = uuid4().hex
        first = anna.call("POST", "/v1/cases", body, Idempotency_Key=key)
        again = anna.call("POST", "/v1/cases", body, Idempotency_Key=key)
        other = anna.call("POST", "/v1/cases", {**body, "title": "Twice"}, Idempotency_Key=key)
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["ETag"] == first.headers["ETag"]
        assert (other.status_code, other.json()["type"]) == (
            422,
            "/problems/idempotency-key-reused",
        )

    def test_a_client_can_choose_the_id_of_a_case(self, anna: Phone) -> None:
        case_id = str(uuid4())
        assert anna.report(case_id=case_id).json()["case_id"] == case_id
        again = anna.call("POST", "/v1/cases", {"title": "Other", "story": "x", "case_id": case_id})
        assert again.status_code == 409

    def test_errors_are_served_as_problem_json(self, anna: Phone, passer_by: Phone) -> None:
        body = {"title": "", "surprise": 1}
        invalid = anna.call("POST", "/v1/cases", body)
        assert invalid.status_code == 422
        assert invalid.headers["Content-Type"] == "application/problem+json"
        assert set(invalid.json()["errors"]) == {"title", "story", "surprise"}
        assert passer_by.get(invalid.json()["type"]).status_code == 200
        assert passer_by.call("POST", "/v1/cases", body).status_code == 401
        assert passer_by.get(f"/v1/cases/{uuid4()}").status_code == 404

    def test_the_api_describes_itself(self, passer_by: Phone) -> None:
        assert passer_by.get("/openapi.json").json()["openapi"] == "3.1.0"
        assert passer_by.get("/asyncapi.json").json()["asyncapi"] == "3.0.0"


class TestDelivery:
    @pytest.mark.every_deployment("the bus itself is looked at")
    def test_events_are_delivered_by_the_bus(self, url: str, metrics: Callable[[], str]) -> None:
        before = delivered_by_the_bus(metrics())

        def more() -> bool | None:
            with Phone(url) as newcomer:
                newcomer.register()
            return True if delivered_by_the_bus(metrics()) > before else None

        assert eventually(more)


HEARS_MEMBERS = "when-member-is-erased-then-forget-them"


def delivered_by_the_bus(metrics: str) -> float:
    """How many events a subscriber beside the members service has had by way of the bus."""
    return sum(values(metrics, "klarity_events_handled_total", name=HEARS_MEMBERS, way="bus"))


class TestUpdates:
    @pytest.mark.every_deployment("updates follow what the bus brings")
    def test_an_interrupted_stream_is_resumed_without_loss_or_repetition(
        self, anna: Phone, ben: Phone, passer_by: Phone, photo: str
    ) -> None:
        tag = uuid4().hex
        with Stream(passer_by, tag) as stream:
            case_id = anna.report(evidence=[photo], tags=[tag]).json()["case_id"]
            assert stream.next() == ("case-published", case_id)
            case = passer_by.get(f"/v1/cases/{case_id}").json()
            assert case["status"] == "published"
        path = f"/v1/cases/{case_id}"
        ben.call("PUT", f"{path}/support")
        anna.call("PATCH", path, {"title": "While nobody listened"})
        with Stream(passer_by, tag, stream.last) as resumed:
            assert resumed.next() == ("case-supported", case_id)
            assert resumed.next() == ("case-changed", case_id)
            assert passer_by.get(path).json()["title"] == "While nobody listened"
            ben.call("PUT", f"{path}/follow")
            assert resumed.next() == ("case-followed", case_id)

    def test_unpublished_cases_are_not_sent(
        self, anna: Phone, passer_by: Phone, own_photo: str
    ) -> None:
        tag = uuid4().hex
        with Stream(passer_by, tag) as stream:
            anna.report(tags=[tag])
            public = anna.report(evidence=[own_photo], tags=[tag], anonymous=True).json()["case_id"]
            assert stream.next() == ("case-published", public)
            assert anna.member_id not in stream.text
            assert anna.pseudonym not in stream.text


class TestMembership:
    def test_registering_a_taken_pseudonym_is_refused(self, url: str, anna: Phone) -> None:
        with Phone(url, anna.pseudonym.upper()) as impostor:
            body = {"pseudonym": impostor.pseudonym, "passphrase": impostor.passphrase}
            reply = impostor.call("POST", "/v1/members", body)
        assert (reply.status_code, reply.json()["type"]) == (409, "/problems/pseudonym-taken")

    def test_a_profile_is_public(self, anna: Phone, passer_by: Phone) -> None:
        def seen() -> dict[str, Any] | None:
            reply = passer_by.get(f"/v1/members/{anna.member_id}")
            return reply.json() if reply.ok else None

        assert eventually(seen)["pseudonym"] == anna.pseudonym

    def test_reusing_an_old_refresh_token_ends_the_session(self, newcomer: Phone) -> None:
        def refreshed(token: str) -> requests.Response:
            return newcomer.call("POST", "/v1/sessions/refresh", {"refresh_token": token})

        first = newcomer.refresh_token
        second = refreshed(first).json()["refresh_token"]
        third = refreshed(second).json()["refresh_token"]
        assert refreshed(first).status_code == 401
        assert refreshed(third).status_code == 401

    def test_signing_out_ends_the_session(self, newcomer: Phone) -> None:
        assert newcomer.call("DELETE", "/v1/sessions/current").status_code == 204
        assert newcomer.get("/v1/me").status_code == 401
        body = {"refresh_token": newcomer.refresh_token}
        assert newcomer.call("POST", "/v1/sessions/refresh", body).status_code == 401

    def test_the_next_command_of_a_suspended_member_is_refused(
        self, url: str, ben: Phone, newcomer: Phone
    ) -> None:
        path = f"/v1/members/{newcomer.member_id}/suspension"
        assert ben.call("PUT", path, {"reason": "spam"}).status_code == 403
        with Phone(url, ROOT).sign_in() as root:
            assert root.call("PUT", path, {"reason": "spam"}).status_code == 204
            reply = newcomer.call("POST", "/v1/cases", {"title": "More spam", "story": "Buy!"})
            assert (reply.status_code, reply.json()["type"]) == (403, "/problems/suspended")
            assert root.call("DELETE", path).status_code == 204
        newcomer.report()

    @pytest.mark.every_deployment("every service must learn of an erasure")
    def test_data_of_an_erased_member_is_in_no_answer(
        self, newcomer: Phone, passer_by: Phone, files: Path
    ) -> None:
        own = newcomer.upload(files / "photo.jpg")
        case_id = newcomer.report(evidence=[own]).json()["case_id"]
        passer_by.case_when(case_id, is_public)
        assert newcomer.leave().status_code == 202

        def gone() -> bool | None:
            case = passer_by.get(f"/v1/cases/{case_id}").status_code == 410
            member = passer_by.get(f"/v1/members/{newcomer.member_id}").status_code == 410
            return True if case and member else None

        assert eventually(gone)
        assert newcomer.get("/v1/me").status_code == 401
        lists = ("/v1/cases?limit=100", "/v1/popular-cases?limit=100")
        assert_becomes(lambda: [path for path in lists if case_id in passer_by.get(path).text], [])
