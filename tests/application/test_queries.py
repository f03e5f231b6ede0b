"""Query services: which documents they show, and to which viewers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import exp2, inf, isclose
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.engine.answers import LONGEST_WAIT, Answers, NotCaughtUp, Token
from application.engine.builds import begin_build, open_build, serving_build
from application.engine.executor import CommandContext
from application.engine.filters import Box, KeyList, Point, equal
from application.engine.past import redacted
from application.engine.projector import Projector
from application.engine.query_service import QueryService, Viewer, value_of
from application.engine.rows import NoRows, Rows, UnitOfWork
from application.ports.checkpoints import START, Checkpoint
from application.ports.codec import NewerProgram
from application.ports.message_bus import Delivery
from application.ports.read_models import (
    Equals,
    Find,
    ReadModel,
    Side,
    SideChanges,
    Tables,
    by,
    by_each,
)
from application.queries.case_document import CaseDocument, NetworkShares
from application.queries.evidence import EvidenceDocument, EvidenceItems
from application.queries.popular_cases import (
    EPOCH,
    HALF_LIFE_DAYS,
    added,
    subtracted,
    weight,
)
from application.queries.videos import Video, Videos
from domain.actors import SYSTEM, Actor, Role
from domain.cases.case_commands import (
    AmendCase,
    AttachEvidence,
    LocateCase,
    RetractEvidence,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.case_details import CaseCategory, CaseStatus
from domain.cases.case_events import CaseReported
from domain.cases.engagement import ShareCase, ShareNetwork
from domain.cases.place import Location
from domain.catalog import EVENTS
from domain.evidence.evidence import BeginSanitising, MakeAvailable, RejectEvidence
from domain.ids import CaseId, EvidenceId, MediaKind
from domain.members.member import (
    ChooseInterests,
    EraseMember,
    GrantRole,
    ReinstateMember,
    RevokeRole,
    SuspendMember,
)
from tests.application.community import Reading, ask_to_be_erased
from tests.newer import append_newer
from tests.world import START as BEGINNING
from tests.world import World, new_models, refused

ANYBODY = Viewer()


def change(world: World, case: str, command: Any) -> None:
    world.executors.cases.execute(case, command, CommandContext())
    world.settle()


def ids(world: World, name: str = "cases", **filters: Any) -> list[str]:
    page = world.answers[name].page(ANYBODY, filters, limit=100)
    return [document.case_id for document in page.documents]


def shown(world: World, case: str = "c1", viewer: Viewer = ANYBODY) -> Any:
    return world.answers["cases"].one(case, viewer)


def project(service: QueryService[Any], event: object, rows: UnitOfWork[Any]) -> None:
    """Project the event if the service declares it."""
    if EVENTS.names[type(event)] in service.handles:
        service.project(event, rows)


def erase(world: World, actor: Actor) -> None:
    command = EraseMember(by=actor, at=world.clock())
    world.executors.members.execute(actor.member_id, command, CommandContext())
    world.settle()
    world.vault.destroy(actor.member_id)


class TestCases:
    def test_a_public_case_is_shown_with_author_and_evidence(
        self, world: World, anna: Actor
    ) -> None:
        world.public_case(anna, location=Location(lat=1.234, lon=2.345), tags=("police",))
        case = shown(world)
        assert (case.status, case.author.pseudonym) == (CaseStatus.PUBLISHED, "Anna")
        assert [item.evidence_id for item in case.evidence] == ["e-c1"]
        assert (case.location.lat, case.tags) == (1.23, ("police",))
        assert ids(world) == ["c1"]

    def test_an_anonymous_author_is_not_shown(self, world: World, anna: Actor) -> None:
        world.public_case(anna, anonymous=True)
        assert shown(world).author is None

    def test_an_unpublished_case_is_visible_to_its_author_and_moderators_only(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        world.report(anna)
        world.settle()
        moderator = world.member("Mo", Role.MODERATOR)
        assert ids(world) == []
        assert shown(world) is None
        assert shown(world, viewer=Viewer(ben)) is None
        assert shown(world, viewer=Viewer(anna)) is not None
        assert shown(world, viewer=Viewer(moderator)) is not None

    def test_every_change_is_shown_and_raises_the_version(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        at = world.clock()
        change(world, "c1", AmendCase(changes={"title": "Two bribes"}, by=anna, at=at))
        change(world, "c1", LocateCase(location=Location(lat=1, lon=2), by=anna, at=at))
        change(world, "c1", TagCase(tag="police", by=anna, at=at))
        change(world, "c1", TagCase(tag="roads", by=anna, at=at))
        change(world, "c1", UntagCase(tag="police", by=anna, at=at))
        change(world, "c1", AttachEvidence(evidence=(EvidenceId("later"),), by=anna, at=at))
        case = shown(world)
        assert (case.title, case.location.lat, case.tags) == ("Two bribes", 1, ("roads",))
        assert case.version == world.executors.cases.load("c1").head.version

    def test_supporters_and_followers_are_counted(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        case = world.public_case(anna)
        world.engage.support(case, ben, CommandContext())
        world.engage.follow(case, ben, CommandContext())
        world.settle()
        assert (shown(world).supports, shown(world).followers) == (1, 1)
        world.engage.withdraw_support(case, ben, CommandContext())
        world.engage.unfollow(case, ben, CommandContext())
        world.settle()
        assert (shown(world).supports, shown(world).followers) == (0, 0)

    def test_each_member_counts_once_as_supporter_and_follower_and_the_author_cannot_support(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        case = world.public_case(anna)
        with refused("own-case"):
            world.engage.support(case, anna, CommandContext())
        for member in (ben, ben, world.member("Cora")):
            world.engage.support(case, member, CommandContext())
            world.engage.follow(case, member, CommandContext())
        world.settle()
        assert (shown(world).supports, shown(world).followers) == (2, 2)

    def test_shares_are_counted_once_for_each_member_and_network(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        case = world.public_case(anna)
        for network in (ShareNetwork.X, ShareNetwork.EMAIL, ShareNetwork.X):
            world.engage.share(case, network, ben, CommandContext())
        world.engage.share(case, ShareNetwork.X, anna, CommandContext())
        world.settle()
        assert shown(world).shares == 3
        assert shown(world).shares_by_network == (
            NetworkShares(network=ShareNetwork.EMAIL, shares=1),
            NetworkShares(network=ShareNetwork.X, shares=2),
        )

    def test_an_erased_case_counts_no_shares(self, world: World, anna: Actor, ben: Actor) -> None:
        world.engage.share(world.public_case(anna), ShareNetwork.X, ben, CommandContext())
        erase(world, anna)
        assert shown(world).shares == 0
        world.build_read_models()
        world.settle()
        assert (shown(world).shares, shown(world).shares_by_network) == (0, ())

    def test_a_share_after_the_erasure_of_its_case_is_not_counted(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        case = world.public_case(anna)
        erase(world, anna)
        share = ShareCase(case_id=case, network=ShareNetwork.X, by=ben, at=world.clock())
        world.executors.engagements.execute("ben and c1", share, CommandContext())
        world.settle()
        assert shown(world).shares == 0

    def test_sharing_an_unpublished_or_erased_case_is_refused(
        self, world: World, anna: Actor
    ) -> None:
        case = world.report(anna)
        with refused("not-found"):
            world.engage.share(case, ShareNetwork.LINK, anna, CommandContext())
        erase(world, anna)
        with refused("erased"):
            world.engage.share(case, ShareNetwork.LINK, anna, CommandContext())

    def test_a_withdrawn_case_is_in_no_list(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        change(world, "c1", WithdrawCase(by=anna, at=world.clock()))
        assert ids(world) == ids(world, "popular-cases") == ids(world, "videos") == []
        assert shown(world, viewer=Viewer(anna)).status is CaseStatus.WITHDRAWN

    def test_a_case_of_an_erased_member_is_gone_before_and_after_a_rebuild(
        self, world: World, anna: Actor
    ) -> None:
        world.public_case(anna)
        world.public_case(anna, "c2")
        erase(world, anna)
        for again in (False, True):
            if again:
                world.build_read_models()
                world.settle()
            for case in ("c1", "c2"):
                found = shown(world, case)
                assert (found.status, found.title, found.story) == (CaseStatus.ERASED, "", "")
                assert world.answers["cases"].service.is_erased(found)
            assert ids(world) == ids(world, "popular-cases") == ids(world, "videos") == []

    def test_an_erased_case_does_not_show_later_changes(self, world: World, anna: Actor) -> None:
        world.report(anna)
        world.settle()
        tag = TagCase(tag="police", by=anna, at=world.clock())
        world.executors.cases.execute("c1", tag, CommandContext())
        model = current_model(world)
        erase_in_model(world, model)
        world.settle()
        assert shown(world).tags == ()

    def test_cases_are_filtered(self, world: World, anna: Actor) -> None:
        places = [Location(lat=10, lon=20), Location(lat=10.2, lon=20.2), None]
        for number, place in enumerate(places):
            world.clock.wind(hours=1)
            world.public_case(
                anna, f"c{number}", title=f"Bribe {number}", location=place, tags=(f"t{number}",)
            )
        assert ids(world) == ["c2", "c1", "c0"]
        assert ids(world, tag="t1") == ["c1"]
        assert ids(world, q="bribe 2") == ["c2"]
        assert ids(world, category=CaseCategory.FRAUD) == []
        assert ids(world, bbox=Box.parse("19,9,21,11")) == ["c1", "c0"]
        assert ids(world, near=Point.parse("10,20"), within_km=5) == ["c0"]
        assert ids(world, case_ids=KeyList.parse("c0,c2,c9")) == ["c2", "c0"]
        middle = BEGINNING + timedelta(hours=2)
        assert ids(world, created_after=middle) == ["c2", "c1"]
        assert ids(world, created_before=middle) == ["c0"]


def erase_in_model(world: World, model: Any) -> None:
    erased = CaseDocument(case_id="c1", status=CaseStatus.ERASED, version=1)
    model.commit({"c1": erased}, model.checkpoint().next())
    for subscription in world.subscriptions:
        subscription.reset()


class TestPopularCases:
    def test_support_raises_the_rank_of_a_case(self, world: World, anna: Actor, ben: Actor) -> None:
        for case in ("c1", "c2", "c3"):
            world.public_case(anna, case)
        world.engage.support(CaseId("c2"), ben, CommandContext())
        world.settle()
        assert ids(world, "popular-cases")[0] == "c2"
        world.engage.withdraw_support(CaseId("c2"), ben, CommandContext())
        world.settle()
        supports = world.answers["popular-cases"].page(ANYBODY, {}, limit=9).documents
        assert {document.supports for document in supports} == {0}

    def test_popular_cases_show_amendments(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        changes = {"title": "Another title", "category": CaseCategory.FRAUD}
        change(world, "c1", AmendCase(changes=changes, by=anna, at=world.clock()))
        page = world.answers["popular-cases"].page(
            ANYBODY, {"category": CaseCategory.FRAUD}, limit=9
        )
        assert [document.title for document in page.documents] == ["Another title"]

    def test_a_support_weighs_half_after_a_half_life(self) -> None:
        later = BEGINNING + timedelta(days=HALF_LIFE_DAYS)
        two = added(weight(BEGINNING), weight(BEGINNING))
        assert isclose(two, weight(later))

    @given(st.floats(-100, 100), st.floats(-100, 100))
    def test_withdrawing_support_restores_the_rank(self, rank: float, other: float) -> None:
        if abs(rank - other) < 15:  # Beyond, the rounding of ranks near 100 shows.
            assert isclose(subtracted(added(rank, other), other), rank, abs_tol=1e-6)

    def test_withdrawing_the_last_support_leaves_no_weight(self) -> None:
        assert subtracted(3.0, 3.0) == -inf

    @given(
        st.lists(st.lists(st.floats(0, 60), max_size=6), min_size=2, max_size=2),
        st.floats(60, 4000),
    )
    def test_ranks_order_cases_by_decayed_weight_at_any_time(
        self, acts: list[list[float]], asked: float
    ) -> None:
        """Acts and asking in days; each act weighs half as much after each half-life."""

        def decayed(days: list[float]) -> float:
            return sum(exp2((day - asked) / HALF_LIFE_DAYS) for day in days)

        def rank(days: list[float]) -> float:
            total = -inf
            for day in days:
                total = added(total, weight(EPOCH + timedelta(days=day)))
            return total

        one, other = acts
        if not isclose(decayed(one), decayed(other), rel_tol=1e-6):
            assert (decayed(one) > decayed(other)) == (rank(one) > rank(other))

    def test_the_order_stays_as_time_passes(self, world: World, anna: Actor, ben: Actor) -> None:
        for case in ("c1", "c2", "c3"):
            world.public_case(anna, case)
            world.clock.wind(days=1)
        world.engage.support(CaseId("c1"), ben, CommandContext())
        world.settle()
        before = world.answers["popular-cases"].page(ANYBODY, {}, limit=9)
        assert [case.case_id for case in before.documents] == ["c1", "c3", "c2"]
        world.clock.wind(days=3650)
        world.settle()
        assert world.answers["popular-cases"].page(ANYBODY, {}, limit=9) == before

    @pytest.mark.parametrize("days", [0, 1, 30, 400, 4000])
    def test_support_that_is_withdrawn_leaves_the_rank_of_the_publication(
        self, world: World, anna: Actor, ben: Actor, days: int
    ) -> None:
        case = world.public_case(anna)
        (before,) = world.answers["popular-cases"].page(ANYBODY, {}, limit=9).documents
        world.clock.wind(days=days)
        world.engage.support(case, ben, CommandContext())
        world.clock.wind(days=1)
        world.engage.withdraw_support(case, ben, CommandContext())
        world.settle()
        (after,) = world.answers["popular-cases"].page(ANYBODY, {}, limit=9).documents
        assert isclose(after.rank, before.rank, abs_tol=1e-6)


class TestPast:
    def test_the_past_shows_no_evidence_that_was_retracted_since(
        self, world: World, anna: Actor
    ) -> None:
        first, second = world.evidence(anna, "e1"), world.evidence(anna, "e2")
        world.report(anna, first, second)
        world.settle()
        then: Any = world.answers["cases"].one("c1", ANYBODY)
        change(world, "c1", RetractEvidence(evidence_id=first, by=anna, at=world.clock()))
        world.settle()
        shown = redacted(then, world.answers["cases"].one("c1", ANYBODY))
        assert [item.evidence_id for item in shown.evidence] == ["e2"]


class TestVideos:
    def test_only_videos_are_listed(self, world: World, anna: Actor) -> None:
        photo = world.evidence(anna, "p", MediaKind.PHOTO)
        world.report(anna, photo, world.evidence(anna, "v"))
        world.settle()
        page = world.answers["videos"].page(ANYBODY, {}, limit=9)
        assert [video.evidence_id for video in page.documents] == ["v"]

    def test_the_video_of_an_erased_contributor_is_not_listed_by_later_events(
        self, world: World, anna: Actor
    ) -> None:
        ben = world.member("Ben")
        attached = (world.evidence(ben, "v"),)
        case_id = world.public_case(anna)
        videos = Reading(world, Videos())
        videos.catch_up()
        command = AttachEvidence(evidence=attached, by=ben, at=world.clock())
        world.executors.cases.execute(case_id, command, CommandContext())
        videos.catch_up("cases")
        world.settle()
        ask_to_be_erased(world, ben)
        world.settle()
        videos.catch_up("cases")
        assert [row.evidence_id for row in videos.rows.values()] == ["e-c1"]


class TestEvidence:
    def one(self, world: World, viewer: Viewer = ANYBODY) -> EvidenceDocument | None:
        found: EvidenceDocument | None = world.answers["evidence"].one("e-c1", viewer)
        return found

    def test_evidence_is_visible_to_its_owner_only_until_a_public_case_shows_it(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        world.evidence(anna, "e-c1")
        world.settle()
        assert self.one(world) is self.one(world, Viewer(ben)) is None
        assert self.one(world, Viewer(anna)) is not None
        world.report(anna, EvidenceId("e-c1"))
        world.settle()
        assert self.one(world) is not None

    def test_the_list_of_a_case_holds_what_everybody_can_see_of_it(
        self, world: World, anna: Actor
    ) -> None:
        world.public_case(anna, "c1")
        world.public_case(anna, "c2")
        assert self.of_case(world, "c1") == ["e-c1"]
        assert self.of_case(world, "c3") == []
        change(world, "c1", WithdrawCase(by=anna, at=world.clock()))
        assert (self.of_case(world, "c1"), self.of_case(world, "c2")) == ([], ["e-c2"])

    def of_case(self, world: World, case_id: str) -> list[str]:
        page = world.answers["evidence"].page(ANYBODY, {"case_id": case_id}, limit=9)
        return [item.evidence_id for item in page.documents]

    def test_evidence_of_a_withdrawn_case_is_not_visible(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        change(world, "c1", WithdrawCase(by=anna, at=world.clock()))
        assert self.one(world) is None

    def test_evidence_of_an_erased_member_is_gone_for_every_viewer(
        self, world: World, anna: Actor
    ) -> None:
        world.public_case(anna)
        erase(world, anna)
        moderator = world.member("Mo", Role.MODERATOR)
        gone = EvidenceDocument(evidence_id="e-c1", erased=True)
        assert self.one(world) == self.one(world, Viewer(moderator)) == gone
        assert world.answers["evidence"].service.is_erased(gone)

    def test_evidence_of_an_erased_member_stays_gone_after_later_events(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        world.public_case(ben)
        item = world.evidence(anna)
        change(world, "c1", AttachEvidence(evidence=(item,), by=anna, at=world.clock()))
        erase(world, anna)
        rows: UnitOfWork[EvidenceDocument] = UnitOfWork(
            world.models.open("again", 1, EvidenceDocument, EvidenceItems.indexes), value_of
        )
        for log in ("evidence", "cases", "evidence"):
            for event in world.history.read(log, 0, 99):
                project(EvidenceItems(), world.codec.decode(event), rows)
        assert rows.get(item) == EvidenceDocument(evidence_id=item, erased=True)

    def test_its_owner_sees_the_status_and_reason_of_rejected_evidence(
        self, world: World, anna: Actor
    ) -> None:
        world.evidence(anna, "e-c1")
        for command in (
            BeginSanitising(by=SYSTEM, at=world.clock()),
            RejectEvidence(reason="broken", by=SYSTEM, at=world.clock()),
        ):
            world.executors.evidence.execute("e-c1", command, CommandContext())
        world.settle()
        found = self.one(world, Viewer(anna))
        assert found is not None
        assert (found.status, found.reason) == ("rejected", "broken")

    def test_its_owner_sees_the_kind_and_the_parts_that_were_left_out(
        self, world: World, anna: Actor
    ) -> None:
        world.evidence(anna, "e-c1")
        command = MakeAvailable(
            media_type="audio/mp4",
            sha256="cd",
            size=9,
            left_out="The second track.",
            by=SYSTEM,
            at=world.clock(),
        )
        world.executors.evidence.execute("e-c1", command, CommandContext())
        world.settle()
        found = self.one(world, Viewer(anna))
        assert found is not None
        assert (found.kind, found.left_out) == ("audio", "The second track.")

    def test_the_logs_may_be_read_in_any_order(self, world: World, anna: Actor) -> None:
        world.public_case(anna)
        events = [*world.history.read("cases", 0, 99), *world.history.read("evidence", 0, 99)]
        service = EvidenceItems()
        model = world.models.open("again", 1, service.document, service.indexes)
        rows: UnitOfWork[EvidenceDocument] = UnitOfWork(model, value_of)
        for event in events:
            project(service, world.codec.decode(event), rows)
        assert rows.get("e-c1") == self.one(world)


class TestMembers:
    def test_a_profile_shows_roles_and_standing(self, world: World, anna: Actor) -> None:
        at, ada = world.clock(), world.member("Ada", Role.ADMIN)
        for command in (
            GrantRole(role=Role.MODERATOR, by=SYSTEM, at=at),
            GrantRole(role=Role.ADMIN, by=SYSTEM, at=at),
            RevokeRole(role=Role.ADMIN, by=SYSTEM, at=at),
            SuspendMember(reason="spam", by=ada, at=at),
            ChooseInterests(interests=("roads",), by=anna, at=at),
        ):
            world.executors.members.execute(anna.member_id, command, CommandContext())
        world.settle()
        found: Any = world.answers["members"].one(anna.member_id, ANYBODY)
        assert (found.pseudonym, found.roles, found.suspended) == ("Anna", ("moderator",), True)
        reinstate = ReinstateMember(by=ada, at=at)
        world.executors.members.execute(anna.member_id, reinstate, CommandContext())
        world.settle()
        found = world.answers["members"].one(anna.member_id, ANYBODY)
        assert not found.suspended

    def test_the_profile_of_an_erased_member_is_gone(self, world: World, anna: Actor) -> None:
        world.settle()
        erase(world, anna)
        answers = world.answers["members"]
        found: Any = answers.one(anna.member_id, ANYBODY)
        assert (found.pseudonym, answers.service.is_erased(found)) == ("", True)


class TestAnswers:
    def test_pages_together_list_every_case_once(self, world: World, anna: Actor) -> None:
        for number in range(5):
            world.clock.wind(hours=1)
            world.public_case(anna, f"c{number}")
        answers = world.answers["cases"]
        first = answers.page(ANYBODY, {}, limit=2)
        second = answers.page(ANYBODY, {}, limit=2, after=first.next)
        last = answers.page(ANYBODY, {}, limit=2, after=second.next)
        pages = [[case.case_id for case in page.documents] for page in (first, second, last)]
        assert pages == [["c4", "c3"], ["c2", "c1"], ["c0"]]
        assert last.next is None

    def test_the_viewer_is_no_filter(self, anna: Actor) -> None:
        class Own(QueryService[Any]):
            def ask(self, *, viewer: Viewer, since: int = 0) -> Find:
                return Find(where=equal(case_id=viewer.member_id, sha256=since))

        assert list(Own.filters) == ["since"]
        found = Own().question(Viewer(anna), {"since": 3})
        assert found.where == equal(case_id=anna.member_id, sha256=3)

    def test_a_list_sorted_by_key_is_paged_by_key(self, world: World) -> None:
        class ByKey(Videos):
            def ask(self) -> Find:
                return Find()

        model = world.model(ByKey())
        rows = {key: video(key) for key in "abc"}
        model.commit(rows, model.checkpoint().next())
        answers = Answers(ByKey(), world.models, world.history, world.codec)
        first = answers.page(ANYBODY, {}, limit=2)
        rest = answers.page(ANYBODY, {}, limit=2, after=first.next)
        assert [found.evidence_id for found in (*first.documents, *rest.documents)] == [*"cba"]

    def waiting(self, world: World, during: Callable[[], None]) -> tuple[Answers[Any], list[float]]:
        """Answers whose pauses take time on a clock of their own, and do something."""
        passed = [0.0]

        def pause(seconds: float) -> None:
            passed[0] += seconds
            during()

        answers: Answers[Any] = Answers(
            world.answers["cases"].service,
            world.models,
            world.history,
            world.codec,
            pause=pause,
            clock=lambda: passed[0],
        )
        return answers, passed

    def test_a_token_waits_for_the_write(self, world: World, anna: Actor) -> None:
        world.report(anna)
        answers, passed = self.waiting(world, world.settle)
        answers.wait_for(Token("cases", "case-c1", 1))
        assert 0 < passed[0] < LONGEST_WAIT
        assert answers.one("c1", Viewer(anna), Token("cases", "case-c1", 1)) is not None

    def test_waiting_wakes_the_feed_and_ends_after_two_seconds(
        self, world: World, anna: Actor
    ) -> None:
        world.report(anna)
        answers, passed = self.waiting(world, lambda: None)
        woken: list[float] = []
        answers.wake = lambda: woken.append(passed[0])
        with pytest.raises(NotCaughtUp):
            answers.wait_for(Token("cases", "case-c1", 1))
        assert passed[0] >= LONGEST_WAIT
        assert woken

    def test_a_token_of_a_missing_write_is_not_waited_for(self, world: World) -> None:
        answers, passed = self.waiting(world, lambda: None)
        with pytest.raises(NotCaughtUp):
            answers.wait_for(Token("cases", "case-x", 1))
        answers.wait_for(Token("evidence", "evidence-x", 1))
        answers.wait_for(None)
        assert passed == [0.0]

    def test_a_swapped_build_serves_within_a_second(self, world: World, anna: Actor) -> None:
        answers, passed = self.waiting(world, lambda: None)
        world.settle()
        assert answers.page(ANYBODY, {}, limit=9).documents == []
        world.public_case(anna)
        service = answers.service
        before = current_model(world).checkpoint()
        swapped = open_build(service, world.models, begin_build(service, world.models))
        swapped.commit({}, replace(before, revision=1))
        world.models.make_live(service.name, 2)
        assert len(answers.page(ANYBODY, {}, limit=9).documents) == 1
        passed[0] += 2
        assert answers.page(ANYBODY, {}, limit=9).documents == []
        passed[0] += 2
        assert answers.page(ANYBODY, {}, limit=9).documents == []

    def test_a_question_that_comes_while_another_looks_for_the_build_asks_no_dropped_one(
        self, world: World, anna: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers, passed = self.waiting(world, lambda: None)
        case_id = world.public_case(anna)
        service, model = answers.service, current_model(world)
        (shown,) = answers.page(ANYBODY, {}, limit=9).documents
        swapped = open_build(service, world.models, begin_build(service, world.models))
        swapped.commit({case_id: shown}, replace(model.checkpoint(), revision=1))
        world.models.make_live(service.name, 2)
        model.drop()
        passed[0] += 2
        asked: list[int] = []

        def looking(*about: Any) -> int:
            asked.append(1)
            if len(asked) == 1:  # another thread asks now
                assert answers.one(case_id, ANYBODY) == shown
            return serving_build(*about)

        monkeypatch.setattr("application.engine.answers.serving_build", looking)
        assert answers.one(case_id, ANYBODY) == shown

    def test_answers_never_go_back_to_a_build_that_is_behind(
        self, world: World, anna: Actor
    ) -> None:
        answers, passed = self.waiting(world, lambda: None)
        world.public_case(anna)
        assert len(answers.page(ANYBODY, {}, limit=9).documents) == 1
        service, reached = answers.service, current_model(world).checkpoint()
        behind = open_build(service, world.models, begin_build(service, world.models))
        world.models.make_live(service.name, 2)
        for _ in range(3):
            passed[0] += 2
            assert len(answers.page(ANYBODY, {}, limit=9).documents) == 1
        behind.commit({}, replace(reached, revision=1))
        assert answers.page(ANYBODY, {}, limit=9).documents == []

    def test_a_build_of_another_program_is_used_if_it_accepts_the_same_queries(
        self, world: World, anna: Actor
    ) -> None:
        world.public_case(anna)
        ours = world.answers["cases"].service

        class Renewed(type(ours)):  # type: ignore[misc]  # whichever it is
            version = 2

        class Reindexed(Renewed):
            indexes = ours.indexes[:-1]

        def documents(service: Any) -> int:
            answers = Answers(service, world.models, world.history, world.codec)
            return len(answers.page(ANYBODY, {}, limit=9).documents)

        world.models.make_live("cases", 1)
        assert documents(Renewed()) == 1
        with pytest.raises(NotCaughtUp):
            documents(Reindexed())
        own = open_build(Reindexed(), world.models, begin_build(Reindexed(), world.models))
        own.commit({}, replace(current_model(world).checkpoint(), revision=1))
        assert documents(Reindexed()) == 0

    @pytest.mark.parametrize("topic", ["cases", "members"])
    def test_queries_fail_until_the_events_known_at_the_start_are_projected(
        self, world: World, anna: Actor, topic: str
    ) -> None:
        world.public_case(anna)
        world.build_read_models()
        answers = world.answers["cases"]
        projection = next(each for each in world.subscriptions if each.name == "cases.1")
        for log in {*projection.topics} - {topic}:
            events = world.history.read(log, 0, 100)
            projection.deliver([Delivery(log, world.wire.pack(events))])
        for ask in (
            lambda: answers.one("c1", ANYBODY),
            lambda: answers.page(ANYBODY, {}, limit=9),
            answers.must_be_caught_up,
        ):
            with pytest.raises(NotCaughtUp):
                ask()
        world.settle()
        answers.must_be_caught_up()
        assert answers.one("c1", ANYBODY) is not None

    def test_a_token_waits_until_the_first_build_exists(self, world: World, anna: Actor) -> None:
        world.report(anna)
        world.models = new_models()
        service = world.answers["cases"].service

        def build() -> None:
            begin_build(service, world.models)
            model = open_build(service, world.models, 1)
            model.commit({}, START.moved("cases", 1))

        answers, _ = self.waiting(world, build)
        with pytest.raises(NotCaughtUp):
            answers.must_be_caught_up()
        answers.wait_for(Token("cases", "case-c1", 1))

    def test_known_documents_are_served_while_a_newer_program_leads(
        self, world: World, anna: Actor
    ) -> None:
        world.public_case(anna)
        append_newer(world.stores["cases"], world.codec, "c1")
        world.public_case(anna, "c2")
        world.build_read_models()
        answers = world.answers["cases"]
        with pytest.raises(NotCaughtUp):
            answers.must_be_caught_up()
        world.settle()
        assert answers.one("c1", ANYBODY) is not None

    def test_parked_events_do_not_block_queries(
        self, world: World, anna: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.public_case(anna)
        world.build_read_models()
        answers = world.answers["cases"]

        def broken(*_: object) -> None:
            raise RuntimeError("poison")

        with monkeypatch.context() as patch:
            patch.setattr(type(answers.service), "project", broken)
            world.settle()
        answers.must_be_caught_up()


def video(key: str, case: str = "c1") -> Video:
    return Video(
        evidence_id=key,
        case_id=case,
        sha256="",
        accepted_at=BEGINNING,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    key: str
    case_id: str = ""
    cases: tuple[str, ...] = ()


INDEXES = (by("case_id"), by_each("cases"))


def thing(key: str, case: str = "c1") -> Thing:
    return Thing(key=key, case_id=case)


class TestUnitOfWork:
    def test_a_unit_of_work_sees_its_changes_and_writes_each_row_once(self, world: World) -> None:
        model = world.models.open("things", 1, Thing, INDEXES)
        model.commit({key: thing(key) for key in "ab"}, START.next())
        rows: UnitOfWork[Thing] = UnitOfWork(model, value_of)
        rows.put("c", thing("c"))
        rows.change("a", lambda _: thing("a", "c2"))
        rows.change("x", lambda row: row)
        rows.delete("b")
        rows.delete("x")
        assert rows.keys_where("case_id", "c1") == ["c"]
        assert rows.keys_where("case_id", "c2") == ["a"]
        assert rows.changes == {"c": thing("c"), "a": thing("a", "c2"), "b": None}
        assert rows.get("b") is None

    def test_index_lookups_include_changes_made_after_the_first_lookup(self, world: World) -> None:
        model = world.models.open("things", 2, Thing, INDEXES)
        model.commit({key: thing(key) for key in "ab"}, START.next())
        rows: UnitOfWork[Thing] = UnitOfWork(model, value_of)
        assert rows.keys_where("case_id", "c1") == ["a", "b"]
        rows.change("a", lambda _: thing("a", "c2"))
        rows.put("c", thing("c"))
        assert rows.keys_where("case_id", "c1") == ["b", "c"]
        rows.delete("c")
        rows.change("a", lambda _: thing("a"))
        assert rows.keys_where("case_id", "c1") == ["a", "b"]
        assert rows.keys_where("case_id", "c2") == []

    def test_undo_reverts_the_changes_of_the_last_event(self, world: World) -> None:
        model = world.models.open("things", 3, Thing, INDEXES)
        model.commit({key: thing(key) for key in "abc"}, START.next())
        rows: UnitOfWork[Thing] = UnitOfWork(model, value_of)
        rows.put("a", thing("a", "c2"))
        assert rows.get("c")
        assert rows.keys_where("case_id", "c2") == ["a"]
        rows.mark()
        rows.put("a", thing("a", "c3"))
        rows.delete("a")
        rows.put("b", thing("b", "c3"))
        rows.delete("c")
        rows.put("new", thing("new", "c2"))
        rows.undo()
        assert rows.changes == {"a": thing("a", "c2")}
        assert [rows.get(key) for key in "bc"] == [thing("b"), thing("c")]
        assert rows.get("new") is None
        assert rows.keys_where("case_id", "c2") == ["a"]
        assert rows.keys_where("case_id", "c3") == []
        assert rows.keys_where("case_id", "c1") == ["b", "c"]

    def test_a_list_field_is_indexed_by_each_item(self, world: World) -> None:
        model = world.models.open("things", 4, Thing, INDEXES)
        rows: UnitOfWork[Thing] = UnitOfWork(model, value_of)
        rows.put("e1", Thing(key="e1", cases=("c1", "c2")))
        assert rows.keys_where("cases", "c2") == ["e1"]

    def test_announced_rows_are_loaded_together_and_others_one_by_one(self, world: World) -> None:
        model = world.models.open("things", 5, Thing, INDEXES)
        model.commit({key: thing(key) for key in "abcd"}, START.next())
        counted = CountedModel(model)
        rows = UnitOfWork(cast("ReadModel[Thing]", counted), value_of, lambda: {"a", "b", "new"})
        assert rows.get("c") == thing("c")
        assert (rows.get("b"), rows.get("a"), rows.get("new")) == (thing("b"), thing("a"), None)
        assert counted.reads == 2
        assert rows.get("d") == thing("d")
        assert counted.reads == 3

    def test_side_rows_are_read_and_written_like_documents(self, world: World) -> None:
        model = world.models.open("n", 1, Thing, (), (Side(Hidden, indexes=(by("since"),)),))
        model.commit({}, START.next(), {Hidden: {"a": Hidden(since=1)}})
        rows = UnitOfWork(model, value_of)
        rows.table(Hidden).change("a", lambda row: replace(row, since=2))
        rows.table(Hidden).put("b", Hidden(since=2))
        assert rows.table(Hidden).keys_where("since", 2) == ["a", "b"]
        rows.mark()
        rows.table(Hidden).delete("a")
        rows.undo()
        assert rows.changes == {}
        assert rows.side_changes == {Hidden: {"a": Hidden(since=2), "b": Hidden(since=2)}}

    def test_a_fold_begins_with_empty_tables(self) -> None:
        rows: UnitOfWork[Thing] = UnitOfWork(NoRows(), value_of)
        assert rows.table(Hidden).keys_where("since", 1) == []
        assert rows.table(Hidden).get("a") is None

    def test_a_rebuild_makes_the_same_side_rows(self, world: World, anna: Actor) -> None:
        world.report(anna)
        for build in (1, 2):
            model = open_build(Remembering(), world.models, build)
            projector = Projector(Remembering(), model, world.codec, world.history, build)
            projector.handle(world.history.read("cases", 0, 9), START.moved("cases", 1))
            assert model.side(Hidden).get(["c1"]) == {"c1": Hidden(since=1)}
            assert model.get(["c1"]) == {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    since: int


class Remembering(QueryService[Thing]):
    """Keeps nothing but a side row for each case."""

    name, document, key = "remembering", Thing, "key"
    sides = (Side(Hidden),)

    def project(self, event: CaseReported, rows: Rows[Thing]) -> None:
        rows.table(Hidden).put(event.case_id, Hidden(since=1))


class CountedModel:
    """A read model that counts how often it is read and which rows are written."""

    def __init__(self, model: ReadModel[Any]) -> None:
        self.reads = 0
        self.written: list[list[str]] = []
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def get(self, keys: Sequence[str]) -> Mapping[str, Any]:
        self.reads += 1
        return self._model.get(keys)

    def commit(
        self, changes: Mapping[str, Any], checkpoint: Checkpoint, sides: SideChanges
    ) -> None:
        self.written.append(sorted(changes))
        self._model.commit(changes, checkpoint, sides)


def current_model(world: World) -> ReadModel[Any]:
    return world.model(world.answers["cases"].service)


class TestProjector:
    def test_a_batch_reads_its_rows_at_once_and_writes_each_once(
        self, world: World, anna: Actor, ben: Actor
    ) -> None:
        for case in ("c1", "c2"):
            world.engage.support(world.public_case(anna, case), ben, CommandContext())
        events = world.history.read("cases", 0, 100)
        service = world.answers["popular-cases"].service
        model = CountedModel(open_build(service, world.models, 7))
        projector = Projector(service, cast("ReadModel[Any]", model), world.codec, world.history)
        projector.handle(events, projector.checkpoint().moved("cases", events[-1].position))
        assert (model.reads, model.written) == (1, [["c1", "c2"]])
        assert model.get(["c1"])["c1"].supports == 1
        assert projector.positions() == {"cases": events[-1].position}

    def test_a_projector_refuses_events_of_a_newer_program(self, world: World, anna: Actor) -> None:
        world.report(anna)
        (event,) = world.history.read("cases", 0, 100)
        service = world.answers["cases"].service
        model = open_build(service, world.models, 7)
        projector = Projector(service, model, world.codec, world.history)
        for newer in (replace(event, type="cases.CaseBlessed"), replace(event, schema=99)):
            with pytest.raises(NewerProgram):
                projector.handle([newer], START.moved("cases", 1))
        assert projector.checkpoint() == START

    @pytest.mark.parametrize("erased", [True, False])
    def test_a_key_is_destroyed_only_if_the_log_has_the_erasure(
        self, world: World, erased: bool
    ) -> None:
        anna = world.member()
        (joined,) = world.history.read("members", 0, 100)
        if erased:
            erase = EraseMember(by=anna, at=world.clock())
            world.executors.members.execute(anna.member_id, erase, CommandContext())
        forged = replace(
            joined,
            type="members.MemberErased",
            schema=1,
            data=b'{"member_id":"%s","at":"2026-03-01T12:00:00Z"}' % anna.member_id.encode(),
        )
        service = world.answers["cases"].service
        model = open_build(service, world.models, 7)
        projector = Projector(service, model, world.codec, world.history)
        projector.handle([forged], START.moved("members", 2))
        assert (world.vault.key(anna.member_id) is None) == erased


class TestDeclarations:
    def test_a_service_must_implement_project_and_ask(self) -> None:
        class Bare(QueryService[Video]):
            name, document, key = "bare", Video, "evidence_id"

        bare = Bare()
        assert (bare.lists(), bare.list_path(), Videos.lists()) == (False, "/bare", True)
        assert not any((bare.summarises(), bare.composes(), bare.suggests()))
        assert bare.may_see(video("a"), ANYBODY)
        assert not bare.is_erased(video("a"))
        for undeclared in (
            lambda: bare.project(object(), cast("Rows[Video]", None)),
            bare.ask,
            bare.suggest,
            lambda: bare.compose(ANYBODY, cast("Tables[Video]", None), 1),
            lambda: bare.summary(cast("Tables[Video]", None)),
        ):
            with pytest.raises(NotImplementedError):
                undeclared()

    def test_an_anonymous_viewer_is_no_member(self, anna: Actor) -> None:
        assert not ANYBODY.is_member("")
        assert ANYBODY.member_id == ""
        assert Viewer(anna).is_member(anna.member_id)
        assert Equals("a", 1) == Equals("a", 1)
