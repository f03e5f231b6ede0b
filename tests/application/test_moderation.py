"""Moderation: from a flag through decision and appeal to visibility."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from application.engine.executor import CommandContext
from application.engine.query_service import Viewer
from application.queries.moderation_ledger import Deed
from application.queries.moderation_queue import QueueItem
from application.queries.notification import NotificationKind
from application.system import policy_types
from domain.actors import Actor
from domain.cases.case_commands import AttachEvidence
from domain.cases.case_details import CaseStatus
from domain.decider import Informed
from domain.ids import CommentId, EvidenceId, MemberId
from domain.members.member import (
    AppealSuspension,
    MemberCommand,
    ReinstateMember,
    SuspendMember,
    UpholdSuspension,
)
from domain.moderation.decision import (
    AppealDecision,
    CommandOnSubject,
    DecideSubject,
    DecisionFacts,
    Outcome,
    ResolveAppeal,
)
from domain.moderation.flag import MOST_OPEN_FLAGS
from domain.moderation.subject import FlagWeighed, SubjectKind, Verdict
from domain.times import day_of
from tests.application.community import (
    ANYBODY,
    CASE,
    COMMENT,
    DISMISS,
    EVIDENCE,
    HIDE,
    JUDGE,
    MEMBER,
    PARTY,
    RESTORE,
    answer,
    answered,
    appeal,
    decide,
    erase,
    flag,
    give_history,
    involved,
    listed,
    moderator,
    must_be_rebuilt_alike,
    name_party,
    one,
    resolve,
    rows,
    say,
    seen_by_all,
    trusted,
)
from tests.world import World, refused

TITLE, TEXT, NAME = "A permit for a bribe", "I saw it too.", "Town hall"


@pytest.fixture
def crowd(world: World) -> list[Actor]:
    """As many members with history as hide a thing together."""
    return [trusted(world, f"Member {number}") for number in range(4)]


@pytest.fixture
def discussed(world: World, anna: Actor) -> Actor:
    """Somebody who commented on Anna's public case and named a party to it."""
    return involved(world, anna)


SUBJECTS = [
    (CASE, "c1", [TITLE, TEXT, NAME, "e-c1"]),
    (COMMENT, "k1", [TEXT]),
    (PARTY, "p1", [NAME]),
    (EVIDENCE, "e-c1", [TITLE, TEXT, NAME, "sha256="]),
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_flags_of_enough_members_hide_a_subject_and_a_moderator_restores_it(
    world: World,
    discussed: Actor,
    crowd: list[Actor],
    mo: Actor,
    subject: tuple[SubjectKind, str, list[str]],
) -> None:
    kind, key, unseen = subject
    world.settle()
    before = seen_by_all(world)
    assert all(word in before for word in unseen)
    flag(world, kind, key, *crowd[:3])
    world.settle()
    assert seen_by_all(world) == before
    flag(world, kind, key, crowd[3])
    world.settle()
    assert [word for word in unseen if word in seen_by_all(world)] == []
    must_be_rebuilt_alike(world)
    decide(world, kind, key, mo, RESTORE)
    world.settle()
    assert all(word in seen_by_all(world) for word in unseen)
    must_be_rebuilt_alike(world)
    assert world.parked.list() == []


def test_flags_of_enough_members_hide_a_profile_and_a_moderator_restores_it(
    world: World, anna: Actor, crowd: list[Actor], mo: Actor
) -> None:
    world.settle()
    flag(world, MEMBER, anna.member_id, *crowd)
    world.settle()
    assert one(world, "members", anna.member_id) is None
    assert one(world, "members", anna.member_id, JUDGE) is not None
    must_be_rebuilt_alike(world)
    decide(world, MEMBER, anna.member_id, mo, DISMISS)
    world.settle()
    assert one(world, "members", anna.member_id)["pseudonym"] == "Anna"


def test_the_flag_of_a_moderator_hides_the_subject_at_once(
    world: World, discussed: Actor, mo: Actor
) -> None:
    flag(world, COMMENT, "k1", mo)
    world.settle()
    assert TEXT not in seen_by_all(world)


def test_on_their_own_case_moderators_cannot_decide_and_their_flags_weigh_like_others(
    world: World, mo: Actor
) -> None:
    world.public_case(mo)
    say(world, world.member("Cora"))
    world.settle()
    with refused("not-oneself"):
        decide(world, COMMENT, "k1", mo)
    flag(world, COMMENT, "k1", mo)
    world.settle()
    assert TEXT in seen_by_all(world)
    decide(world, COMMENT, "k1", moderator(world, "Ada"))
    world.settle()
    assert TEXT not in seen_by_all(world)


def test_evidence_is_judged_by_the_authors_of_cases_that_it_is_attached_to_later(
    world: World, anna: Actor, mo: Actor
) -> None:
    ada = moderator(world, "Ada")
    evidence = attached_to_cases_of(world, anna, mo, ada)
    flag(world, EVIDENCE, evidence, mo)
    world.settle()
    assert one(world, "evidence", evidence) is None
    decide(world, EVIDENCE, evidence, mo)
    world.settle()
    appeal(world, anna)
    world.settle()
    resolve(world, ada)


def test_evidence_that_backed_their_own_case_first_is_not_theirs_to_judge(
    world: World, anna: Actor, mo: Actor
) -> None:
    case, evidence = world.public_case(mo, "c-mo"), world.evidence(anna, "theirs")
    attaching = AttachEvidence(evidence=(evidence,), by=anna, at=world.clock())
    world.executors.cases.execute(case, attaching, CommandContext())
    world.report(anna, evidence, case_id="c-own")
    world.settle()
    with refused("not-oneself"):
        decide(world, EVIDENCE, evidence, mo)
    decide(world, EVIDENCE, evidence, moderator(world, "Ada"))


def attached_to_cases_of(world: World, owner: Actor, *authors: Actor) -> EvidenceId:
    """Evidence that its owner backs a case with, and one of each of the authors."""
    evidence = world.evidence(owner, "shared")
    world.report(owner, evidence, case_id="c-own")
    for author in authors:
        case = world.public_case(author, f"c-{author.pseudonym}")
        attaching = AttachEvidence(evidence=(evidence,), by=owner, at=world.clock())
        world.executors.cases.execute(case, attaching, CommandContext())
    world.settle()
    return evidence


def test_flagging_a_hidden_or_missing_subject_is_refused(
    world: World, discussed: Actor, mo: Actor, crowd: list[Actor]
) -> None:
    decide(world, COMMENT, "k1", mo)
    world.settle()
    for key in ("k1", "k2"):
        with refused("not-found"):
            flag(world, COMMENT, key, crowd[0])


def test_members_flag_a_subject_once_and_never_their_own(
    world: World, discussed: Actor, anna: Actor, crowd: list[Actor]
) -> None:
    with refused("own-subject"):
        flag(world, COMMENT, "k1", discussed)
    with refused("own-subject"):
        flag(world, EVIDENCE, "e-c1", anna)
    flag(world, COMMENT, "k1", crowd[0])
    world.settle()
    with refused("already-flagged"):
        flag(world, COMMENT, "k1", crowd[0])


def test_a_case_with_withheld_evidence_is_visible_to_its_author_only_until_it_is_returned(
    world: World, discussed: Actor, anna: Actor, mo: Actor
) -> None:
    decide(world, EVIDENCE, "e-c1", mo)
    world.settle()
    assert world.executors.cases.load("c1").state.status is CaseStatus.AWAITING_EVIDENCE
    assert listed(world, "cases") == listed(world, "popular-cases") == []
    assert listed(world, "videos") == listed(world, "discussions", case_id="c1") == []
    decide(world, EVIDENCE, "e-c1", mo, RESTORE, decision_id="d2")
    world.settle()
    assert [case["case_id"] for case in listed(world, "cases")] == ["c1"]
    assert [video["evidence_id"] for video in listed(world, "videos")] == ["e-c1"]
    assert len(listed(world, "discussions", case_id="c1")) == 1


def test_a_case_with_other_evidence_stays_public_without_its_withheld_evidence(
    world: World, anna: Actor, mo: Actor
) -> None:
    world.report(anna, world.evidence(anna, "e1"), world.evidence(anna, "e2"))
    world.settle()
    decide(world, EVIDENCE, "e1", mo)
    world.settle()
    (case,) = listed(world, "cases")
    assert [item.evidence_id for item in case["evidence"]] == ["e2"]
    assert [video["evidence_id"] for video in listed(world, "videos")] == ["e2"]
    assert one(world, "evidence", "e1") is None
    must_be_rebuilt_alike(world)


def test_evidence_of_a_hidden_case_stays_visible_in_another_case(
    world: World, anna: Actor, mo: Actor
) -> None:
    evidence = world.evidence(anna, "e1")
    for case in ("c1", "c2"):
        world.report(anna, evidence, case_id=case)
    world.settle()
    decide(world, CASE, "c1", mo)
    world.settle()
    assert one(world, "evidence", "e1") is not None
    assert [video["case_id"] for video in listed(world, "videos")] == ["c2"]
    decide(world, CASE, "c2", mo, decision_id="d2")
    world.settle()
    assert one(world, "evidence", "e1") is None


@pytest.mark.parametrize("late", [policy.name for policy in policy_types()])
def test_hidden_evidence_is_not_shown_in_any_order_of_policies(
    world: World, anna: Actor, mo: Actor, late: str
) -> None:
    evidence = world.evidence(anna, "e1")
    world.settle()
    world.report(anna, evidence)
    settle_without(world, late)
    decide(world, EVIDENCE, "e1", mo)
    settle_without(world, late)
    world.settle()
    assert one(world, "evidence", "e1") is None
    assert listed(world, "cases") == listed(world, "videos") == []
    decide(world, EVIDENCE, "e1", mo, RESTORE, decision_id="d2")
    world.settle()
    assert [video["evidence_id"] for video in listed(world, "videos")] == ["e1"]
    must_be_rebuilt_alike(world)


def settle_without(world: World, late: str) -> None:
    everybody = world.subscriptions
    world.subscriptions = [each for each in everybody if each.name != late]
    world.settle()
    world.subscriptions = everybody


def test_upheld_flags_raise_and_dismissed_flags_lower_the_weight_of_later_ones(
    world: World, discussed: Actor, crowd: list[Actor], mo: Actor
) -> None:
    right, wrong, other, _ = crowd
    flag(world, COMMENT, "k1", right)
    flag(world, PARTY, "p1", wrong)
    world.settle()
    decide(world, COMMENT, "k1", mo, HIDE, decision_id="d1")
    decide(world, PARTY, "p1", mo, DISMISS, decision_id="d2")
    world.settle()
    flag(world, CASE, "c1", right, wrong, other)
    world.settle()
    weights = [complaint.weight for complaint in queue(world)[0]["flags"]]
    assert weights == [5 / 17, 4 / 17, 4 / 16]


class TestAccountsWithoutHistory:
    def test_six_of_them_hide_nothing_though_moderators_agreed_with_them_once(
        self, world: World, discussed: Actor, mo: Actor
    ) -> None:
        fresh = [world.member(f"Fresh {number}") for number in range(6)]
        flag(world, COMMENT, "k1", *fresh)
        world.settle()
        decide(world, COMMENT, "k1", mo)
        world.settle()
        flag(world, CASE, "c1", *fresh)
        world.settle()
        assert TITLE in seen_by_all(world)
        assert weighed(world) == [0.0] * 12
        (item,) = queue(world)
        assert (item["subject_id"], item["weight"], len(item["flags"])) == ("c1", 0, 6)

    def test_they_weigh_once_moderators_upheld_their_flags_on_three_days(
        self, world: World, discussed: Actor, mo: Actor
    ) -> None:
        newcomer = world.member("Newcomer")
        for number in range(4):
            say(world, discussed, comment_id=f"more-{number}")
            world.settle()
            flag(world, COMMENT, f"more-{number}", newcomer)
            world.settle()
            decide(world, COMMENT, f"more-{number}", mo, decision_id=f"more-{number}")
            world.settle()
            world.clock.wind(days=1)
        assert weighed(world) == [0.0, 0.0, 0.0, 4 / 7]


class TestFlagsOfOneNetwork:
    def test_one_of_them_weighs_a_day_on_each_subject(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, COMMENT, "k1", *crowd[:3], network="net")
        flag(world, PARTY, "p1", crowd[3], network="net")
        world.settle()
        assert weighed(world) == [1 / 4, 0.0, 0.0, 1 / 4]
        world.clock.wind(days=1)
        flag(world, COMMENT, "k1", crowd[3], network="net")
        world.settle()
        assert weighed(world)[-1] == 4 / 17

    def test_what_weighs_nothing_or_is_refused_takes_no_place(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        give_history(world, discussed)
        with refused("own-subject"):
            flag(world, COMMENT, "k1", discussed, network="net")
        flag(world, COMMENT, "k1", world.member("Fresh"), crowd[0], network="net")
        with refused("already-flagged"):
            flag(world, COMMENT, "k1", crowd[0], network="net")
        flag(world, COMMENT, "k1", crowd[1], network="net")
        world.settle()
        assert weighed(world) == [0.0, 1 / 4, 0.0]

    def test_moderators_weigh_wherever_they_are(
        self, world: World, discussed: Actor, mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", mo, moderator(world, "Ada"), network="net")
        world.settle()
        assert weighed(world) == [1.0, 1.0]

    def test_no_log_holds_the_network(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, COMMENT, "k1", *crowd[:2], network="hash-of-a-network")
        world.settle()
        events = [event for log in world.stores for event in world.history.read(log, 0, 1000)]
        assert not any("hash-of-a-network" in repr(world.codec.decode(each)) for each in events)
        raised = [event.data for event in events if event.type == "moderation.FlagRaised"]
        first, second = ({**json.loads(data), "flag_id": "", "weight": 0} for data in raised)
        assert first == second


class TestWhatModeratorsRestored:
    def test_is_not_hidden_by_flags_again_unless_they_name_another_rule(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, CASE, "c1", *crowd)
        world.settle()
        decide(world, CASE, "c1", mo, RESTORE)
        world.settle()
        others = [trusted(world, f"Other {number}") for number in range(4)]
        flag(world, CASE, "c1", *others)
        world.settle()
        assert TITLE in seen_by_all(world)
        assert [item["subject_id"] for item in queue(world)] == ["c1"]
        decide(world, CASE, "c1", mo, DISMISS, decision_id="d2")
        more = [trusted(world, f"More {number}") for number in range(4)]
        world.settle()
        flag(world, CASE, "c1", *more, rule="hatred")
        world.settle()
        assert TITLE not in seen_by_all(world)


class TestAnswers:
    def test_an_author_answers_flags_and_moderators_read_it_first(
        self, world: World, discussed: Actor, anna: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", *crowd)
        flag(world, PARTY, "p1", mo, moderator(world, "Ada"))
        world.settle()
        answer(world, COMMENT, "k1", discussed)
        world.settle()
        party, comment = queue(world)
        assert (party["weight"], comment["weight"]) == (2.0, 1.0)
        assert comment["answer"].statement == "It is true."
        assert discussed.member_id not in repr(comment)
        must_be_rebuilt_alike(world)
        decide(world, COMMENT, "k1", mo, RESTORE)
        world.settle()
        assert not any(row.answer for row in queue_rows(world))

    def test_an_answer_goes_with_its_author(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, COMMENT, "k1", *crowd)
        world.settle()
        answer(world, COMMENT, "k1", discussed)
        world.settle()
        erase(world, discussed)
        world.settle()
        assert not any(row.answer for row in queue_rows(world))
        must_be_rebuilt_alike(world)


class TestOpenFlags:
    def test_members_with_open_flags_have_less_weight_on_the_next_subject(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", *crowd)
        flag(world, PARTY, "p1", *crowd)
        world.settle()
        assert weighed(world) == [1 / 4] * 4 + [4 / 17] * 4
        assert TEXT not in seen_by_all(world)
        assert NAME in seen_by_all(world)
        assert [item["weight"] for item in queue(world)] == [1.0, 16 / 17]
        assert [flag.weight for flag in queue(world)[1]["flags"]] == [4 / 17] * 4

    def test_flags_are_no_longer_open_after_a_decision(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", *crowd[:2])
        world.settle()
        decide(world, COMMENT, "k1", mo)
        world.settle()
        flag(world, PARTY, "p1", *crowd[:2])
        world.settle()
        assert weighed(world) == [1 / 4] * 2 + [5 / 17] * 2

    def test_open_flags_of_moderators_do_not_lower_their_weight(
        self, world: World, discussed: Actor, mo: Actor
    ) -> None:
        for kind, key in ((COMMENT, "k1"), (PARTY, "p1"), (CASE, "c1")):
            flag(world, kind, key, mo)
        world.settle()
        assert weighed(world) == [1.0] * 3

    def test_the_open_flags_of_a_member_are_limited(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        for number in range(MOST_OPEN_FLAGS):
            say(world, discussed, comment_id=f"more-{number}")
        world.settle()
        for number in range(MOST_OPEN_FLAGS):
            flag(world, COMMENT, f"more-{number}", crowd[0])
        world.settle()
        with refused("too-many-flags"):
            flag(world, COMMENT, "k1", crowd[0])
        flag(world, COMMENT, "k1", crowd[1])

    def test_the_flag_of_an_erased_member_keeps_its_weight(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, COMMENT, "k1", crowd[0])
        world.vault.destroy(crowd[0].member_id)
        world.settle()
        assert weighed(world) == [1 / 4]

    def test_a_flag_keeps_its_weight_when_its_weighing_is_killed_and_repeated(
        self, world: World, discussed: Actor, crowd: list[Actor], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        flag(world, COMMENT, "k1", crowd[0])
        flag(world, PARTY, "p1", crowd[0])
        weigh = next(each for each in world.policies if each.name.endswith("then-weigh-it"))
        with monkeypatch.context() as broken:
            broken.setattr(world.executors.subjects, "execute", self.killed)
            with pytest.raises(KeyboardInterrupt):
                weigh.catch_up()
        assert weighed(world) == []
        world.settle()
        assert weighed(world) == [1 / 4, 4 / 17]
        world.checkpoints.delete(weigh.name)
        weigh.reset()
        world.settle()
        assert weighed(world) == [1 / 4, 4 / 17]

    def killed(self, *_: object) -> None:
        raise KeyboardInterrupt


def weighed(world: World) -> list[float]:
    """What flags weighed, one after the other."""
    events = [world.codec.decode(event) for event in world.history.read("moderation", 0, 1000)]
    return [event.weight for event in events if isinstance(event, FlagWeighed)]


def queue(world: World, **filters: Any) -> list[dict[str, Any]]:
    return listed(world, "moderation-queue", **filters)


class TestQueue:
    def test_the_queue_shows_subject_text_and_flags_but_no_flagger(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, COMMENT, "k1", *crowd[:2], note="An advert.")
        world.settle()
        (item,) = queue(world)
        assert (item["subject_kind"], item["subject_id"], item["case_id"]) == (COMMENT, "k1", "c1")
        assert (item["text"], item["hidden"], item["weight"]) == (TEXT, False, 0.5)
        assert [complaint.note for complaint in item["flags"]] == ["An advert."] * 2
        assert item["waiting_since"] == day_of(world.clock())
        assert not any(member.member_id in repr(item) for member in crowd)

    def test_the_queue_is_sorted_by_weight_and_filtered_by_kind(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, PARTY, "p1", crowd[0])
        flag(world, CASE, "c1", *crowd[:3])
        flag(world, MEMBER, discussed.member_id, *crowd[:2])
        world.settle()
        texts = [item["text"] for item in queue(world)]
        assert texts == [
            f"{TITLE}\n\nThey asked for money.",
            "Cora",
            f"{NAME}: took the money",
        ]
        assert [item["subject_id"] for item in queue(world, kind=PARTY)] == ["p1"]
        assert [item["subject_id"] for item in queue(world, subject="c1")] == ["c1"]

    def test_a_subject_that_waits_for_nothing_is_not_in_the_queue(
        self, world: World, discussed: Actor
    ) -> None:
        assert queue(world, subject="k1") == []

    def test_the_queue_shows_the_edited_text(
        self, world: World, discussed: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, COMMENT, "k1", crowd[0])
        world.discuss.edit(CommentId("k1"), "Buy here!", discussed, CommandContext())
        world.settle()
        assert [item["text"] for item in queue(world)] == ["Buy here!"]

    @pytest.mark.parametrize("verdict", list(Verdict))
    def test_a_decided_subject_leaves_the_queue(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor, verdict: Verdict
    ) -> None:
        flag(world, COMMENT, "k1", *crowd[:2])
        world.settle()
        decide(world, COMMENT, "k1", mo, verdict)
        world.settle()
        assert queue(world) == []
        assert not any(row.weight for row in queue_rows(world))
        must_be_rebuilt_alike(world)

    def test_a_flag_that_races_with_a_decision_is_queued_if_it_stays_open(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", crowd[0])
        decide(world, COMMENT, "k1", mo)
        world.settle()
        subject = world.executors.subjects.load("comment-k1").state
        assert bool(subject.flags) == bool(queue(world))

    def test_an_appeal_before_its_decision_is_applied_is_queued(
        self, world: World, discussed: Actor, mo: Actor
    ) -> None:
        decide(world, COMMENT, "k1", mo)
        appeal(world, discussed)
        world.settle()
        (item,) = queue(world)
        assert item["appeal"].decision_id == "d1"


def queue_rows(world: World) -> list[QueueItem]:
    return list(rows(world, "moderation-queue").values())


class TestAppeals:
    def test_an_appeal_is_queued_for_another_moderator(
        self, world: World, discussed: Actor, mo: Actor
    ) -> None:
        decide(world, COMMENT, "k1", mo)
        world.settle()
        assert queue(world) == []
        appeal(world, discussed)
        world.settle()
        (item,) = queue(world)
        assert (item["appeal"].decision_id, item["hidden"]) == ("d1", True)
        assert item["appeal"].statement == "It does not break the rule."
        with refused("same-moderator"):
            resolve(world, mo)

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_another_moderator_resolves_an_appeal(
        self, world: World, discussed: Actor, mo: Actor, outcome: Outcome
    ) -> None:
        decide(world, COMMENT, "k1", mo)
        world.settle()
        appeal(world, discussed)
        world.settle()
        resolve(world, moderator(world, "Ada"), outcome)
        world.settle()
        assert queue(world) == []
        assert (TEXT in seen_by_all(world)) == (outcome is Outcome.OVERTURN)
        must_be_rebuilt_alike(world)

    def test_that_it_waits_is_told_to_its_author_and_in_the_ledger(
        self, world: World, discussed: Actor, mo: Actor
    ) -> None:
        decide(world, COMMENT, "k1", mo)
        world.settle()
        appeal(world, discussed)
        world.settle()
        (waits,) = listed(world, "moderation-ledger", waits=True)
        assert (waits["what"], waits["subject_id"]) == (Deed.APPEALED, "k1")
        page = world.answers["notifications"].page(Viewer(discussed), {}, limit=9)
        told = {each.kind: each.decision_id for each in page.documents}
        assert told[NotificationKind.APPEAL_WAITS] == "d1"
        resolve(world, moderator(world, "Ada"))
        world.settle()
        assert listed(world, "moderation-ledger", waits=True) == []
        assert Deed.APPEALED in {each["what"] for each in listed(world, "moderation-ledger")}

    def test_only_the_author_of_the_subject_appeals(
        self, world: World, discussed: Actor, anna: Actor, mo: Actor
    ) -> None:
        decide(world, COMMENT, "k1", mo)
        with refused("forbidden"):
            appeal(world, anna)
        with refused("not-found"):
            appeal(world, anna, "d2")


class TestAppealsAgainstASuspension:
    @pytest.fixture
    def suspended(self, world: World, anna: Actor, mo: Actor) -> Actor:
        self.stand(world, anna, SuspendMember(reason="Adverts.", by=mo, at=world.clock()))
        self.stand(
            world, anna, AppealSuspension(statement="I sell nothing.", by=anna, at=world.clock())
        )
        world.settle()
        return anna

    def test_it_waits_in_the_queue_and_in_the_ledger(self, world: World, suspended: Actor) -> None:
        (item,) = queue(world)
        assert (item["subject_kind"], item["subject_id"]) == (MEMBER, suspended.member_id)
        assert item["suspension_appeal"].statement == "I sell nothing."
        assert item["waiting_since"] == day_of(world.clock())
        assert self.waits(world) == [(Deed.SUSPENSION_APPEALED, "author")]
        assert "I sell nothing." not in seen_by_all(world)
        must_be_rebuilt_alike(world)

    @pytest.mark.parametrize("command", [UpholdSuspension, ReinstateMember])
    def test_another_moderator_resolves_an_appeal(
        self, world: World, suspended: Actor, command: Any
    ) -> None:
        self.stand(world, suspended, command(by=moderator(world, "Ada"), at=world.clock()))
        world.settle()
        assert (queue(world), self.waits(world)) == ([], [])
        must_be_rebuilt_alike(world)

    def test_it_goes_with_its_member(self, world: World, suspended: Actor) -> None:
        erase(world, suspended)
        world.settle()
        assert (queue(world), self.waits(world)) == ([], [])
        must_be_rebuilt_alike(world)

    def stand(self, world: World, member: Actor, command: MemberCommand) -> None:
        world.executors.members.execute(member.member_id, command, CommandContext())

    def waits(self, world: World) -> list[tuple[Deed, str]]:
        found = listed(world, "moderation-ledger", waits=True)
        return [(entry["what"], entry["role"]) for entry in found]


class TestDecisionInForce:
    @pytest.fixture
    def ada(self, world: World) -> Actor:
        return moderator(world, "Ada")

    @pytest.fixture
    def hidden(self, world: World, discussed: Actor, mo: Actor) -> Actor:
        """The author of a comment that Mo hid."""
        decide(world, COMMENT, "k1", mo)
        world.settle()
        return discussed

    def test_another_decision_is_refused_while_an_appeal_is_open(
        self, world: World, hidden: Actor, mo: Actor, ada: Actor
    ) -> None:
        appeal(world, hidden)
        for _ in ("before it is heard of", "after"):
            for by in (mo, ada):
                with refused("appeal-pending"):
                    decide(world, COMMENT, "k1", by, RESTORE, decision_id="d2")
            world.settle()
        resolve(world, ada, Outcome.UPHOLD)
        world.settle()
        decide(world, COMMENT, "k1", mo, RESTORE, decision_id="d2")
        world.settle()
        assert TEXT in seen_by_all(world)

    def test_a_subject_restored_on_appeal_is_hidden_after_new_flags_by_another_moderator_only(
        self, world: World, hidden: Actor, mo: Actor, ada: Actor, crowd: list[Actor]
    ) -> None:
        self.overturn(world, hidden, ada)
        for by in (mo, ada):
            with refused("settled-on-appeal"):
                decide(world, COMMENT, "k1", by, decision_id="d2")
        flag(world, COMMENT, "k1", crowd[0])
        world.settle()
        with refused("same-moderator"):
            decide(world, COMMENT, "k1", mo, decision_id="d2")
        decide(world, COMMENT, "k1", ada, decision_id="d2")
        world.settle()
        assert TEXT not in seen_by_all(world)
        appeal(world, hidden, "d2")

    def test_a_dismissal_does_not_lift_the_outcome_of_an_appeal(
        self, world: World, hidden: Actor, mo: Actor, ada: Actor, crowd: list[Actor]
    ) -> None:
        self.overturn(world, hidden, ada)
        flag(world, COMMENT, "k1", crowd[0])
        world.settle()
        decide(world, COMMENT, "k1", mo, DISMISS, decision_id="d2")
        world.settle()
        with refused("settled-on-appeal"):
            decide(world, COMMENT, "k1", mo, decision_id="d3")
        flag(world, COMMENT, "k1", crowd[1])
        world.settle()
        with refused("same-moderator"):
            decide(world, COMMENT, "k1", mo, decision_id="d3")

    def test_a_decision_that_races_with_an_appeal_is_set_aside(
        self, world: World, hidden: Actor, mo: Actor, ada: Actor
    ) -> None:
        late = self.deciding(world, ada, RESTORE)
        appeal(world, hidden)
        late()
        world.settle()
        assert TEXT not in seen_by_all(world)
        assert [item["appeal"].decision_id for item in queue(world)] == ["d1"]
        assert self.deeds(world) == {Deed.DECIDED, Deed.APPEALED, Deed.DECISION_SET_ASIDE}
        resolve(world, ada)
        world.settle()
        assert TEXT in seen_by_all(world)
        must_be_rebuilt_alike(world)

    def test_an_appeal_that_races_with_a_decision_is_set_aside(
        self, world: World, hidden: Actor, mo: Actor, ada: Actor
    ) -> None:
        late = self.appealing(world, hidden)
        upheld = self.resolving(world, ada, Outcome.UPHOLD)
        decide(world, COMMENT, "k1", mo, RESTORE, decision_id="d2")
        world.settle()
        late()
        world.settle()
        assert queue(world) == []
        assert Deed.APPEAL_SET_ASIDE in self.deeds(world)
        with refused("superseded"):
            resolve(world, ada)
        upheld()
        world.settle()
        assert TEXT in seen_by_all(world)
        must_be_rebuilt_alike(world)

    def test_a_decision_checked_before_an_appeal_was_resolved_does_not_undo_the_outcome(
        self, world: World, hidden: Actor, mo: Actor, ada: Actor
    ) -> None:
        late = self.deciding(world, mo, HIDE)
        self.overturn(world, hidden, ada)
        late()
        world.settle()
        assert TEXT in seen_by_all(world)

    def test_of_two_concurrent_decisions_the_first_is_in_force(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor, ada: Actor
    ) -> None:
        flag(world, COMMENT, "k1", crowd[0])
        world.settle()
        decide(world, COMMENT, "k1", mo, DISMISS)
        decide(world, COMMENT, "k1", ada, HIDE, decision_id="d2")
        world.settle()
        assert TEXT in seen_by_all(world)
        with refused("superseded"):
            appeal(world, discussed, "d2")

    def overturn(self, world: World, author: Actor, by: Actor) -> None:
        appeal(world, author)
        world.settle()
        resolve(world, by)
        world.settle()

    def deeds(self, world: World) -> set[Deed]:
        return {entry["what"] for entry in listed(world, "moderation-ledger")}

    # Commands that were checked now, and are written later

    def deciding(self, world: World, by: Actor, verdict: Verdict) -> Callable[[], object]:
        command = DecideSubject(
            decision_id="d2",
            subject_kind=SubjectKind.COMMENT,
            subject_id="k1",
            verdict=verdict,
            rule="spam",
            reason="It breaks the rule.",
            by=by,
            at=world.clock(),
        )
        facts = self.facts(world)
        facts = replace(facts, subject=replace(facts.subject, flags=("f1",)))
        return self.executing(world, "d2", command, facts)

    def appealing(self, world: World, by: Actor) -> Callable[[], object]:
        command = AppealDecision(statement="It is true.", by=by, at=world.clock())
        return self.executing(world, "d1", command, self.facts(world))

    def resolving(self, world: World, by: Actor, outcome: Outcome) -> Callable[[], object]:
        command = ResolveAppeal(outcome=outcome, reason="Seen again.", by=by, at=world.clock())
        return self.executing(world, "d1", command, self.facts(world))

    def executing(
        self, world: World, decision_id: str, command: CommandOnSubject, facts: DecisionFacts
    ) -> Callable[[], object]:
        decisions, informed = world.executors.decisions, Informed(command, facts)
        return lambda: decisions.execute(decision_id, informed, CommandContext())

    def facts(self, world: World) -> DecisionFacts:
        return DecisionFacts(
            subject=world.executors.subjects.load("comment-k1").state,
            case_authors=frozenset(),
            in_force=world.executors.decisions.load("d1").state,
            overturned=frozenset(),
        )


class TestLedger:
    def test_the_ledger_lists_every_deed_with_role_verdict_and_outcome(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        self.judge(world, discussed, crowd, mo)
        told = [
            (entry["what"], entry["role"], entry["verdict"], entry["outcome"])
            for entry in reversed(listed(world, "moderation-ledger"))
        ]
        assert told == [
            (Deed.HIDDEN_BY_FLAGS, "system", None, None),
            (Deed.DECIDED, "moderator", HIDE, None),
            (Deed.APPEALED, "author", None, None),
            (Deed.APPEAL_RESOLVED, "moderator", RESTORE, Outcome.OVERTURN),
        ]

    def test_the_ledger_shows_no_member_statement_and_text(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        self.judge(world, discussed, crowd, mo)
        told = repr(listed(world, "moderation-ledger"))
        names = [actor.member_id for actor in (*crowd, mo, discussed)]
        assert [word for word in (*names, "does not break", TEXT) if word in told] == []

    def test_the_ledger_is_filtered_by_kind_subject_and_rule(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        self.judge(world, discussed, crowd, mo)
        decision = listed(world, "moderation-ledger")[0]["decision_id"]
        for found in (
            {"kind": COMMENT},
            {"subject": "k1"},
            {"rule": "spam"},
            {"decision": decision},
        ):
            assert listed(world, "moderation-ledger", **found)
        for empty in ({"kind": CASE}, {"subject": "k2"}, {"rule": "hatred"}, {"decision": "d9"}):
            assert listed(world, "moderation-ledger", **empty) == []

    def test_the_ledger_shows_a_suspension_without_its_reason(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        for command in (
            SuspendMember(reason="Adverts.", by=mo, at=world.clock()),
            ReinstateMember(by=mo, at=world.clock()),
        ):
            world.executors.members.execute(anna.member_id, command, CommandContext())
            world.clock.wind(hours=1)
        world.settle()
        told = [
            (entry["what"], entry["subject_id"], entry["reason"])
            for entry in listed(world, "moderation-ledger")
        ]
        assert sorted(told) == [
            (Deed.REINSTATED, anna.member_id, None),
            (Deed.SUSPENDED, anna.member_id, None),
        ]

    def judge(self, world: World, author: Actor, crowd: list[Actor], mo: Actor) -> None:
        ada = moderator(world, "Ada")
        flag(world, COMMENT, "k1", *crowd)
        world.settle()
        for deed in (
            lambda: decide(world, COMMENT, "k1", mo),
            lambda: appeal(world, author),
            lambda: resolve(world, ada),
        ):
            world.clock.wind(hours=1)
            deed()
            world.settle()


class TestErasure:
    def test_the_queue_keeps_no_text_of_an_erased_author(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", crowd[0])
        flag(world, PARTY, "p1", crowd[0])
        flag(world, MEMBER, discussed.member_id, crowd[0])
        world.settle()
        erase(world, discussed)
        self.assert_queue_lacks(world, discussed, TEXT, NAME, "Cora")

    def test_the_queue_keeps_no_text_of_an_erased_reporter(
        self, world: World, discussed: Actor, anna: Actor, crowd: list[Actor]
    ) -> None:
        flag(world, CASE, "c1", crowd[0])
        world.settle()
        erase(world, anna)
        self.assert_queue_lacks(world, anna, TITLE)

    def test_the_appeal_of_an_erased_author_has_no_statement(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", crowd[0])
        world.settle()
        decide(world, COMMENT, "k1", mo)
        world.settle()
        appeal(world, discussed)
        world.settle()
        erase(world, discussed)
        self.assert_queue_lacks(world, discussed, "does not break")
        (item,) = queue(world)
        assert item["appeal"].statement == ""

    def test_the_flag_of_an_erased_member_keeps_its_weight_without_its_note(
        self, world: World, discussed: Actor, crowd: list[Actor], mo: Actor
    ) -> None:
        flag(world, COMMENT, "k1", *crowd[:2], note="He is my neighbour.")
        world.settle()
        erase(world, crowd[0])
        (item,) = queue(world)
        assert [complaint.note for complaint in item["flags"]] == ["", "He is my neighbour."]
        assert item["weight"] == 0.5
        erase(world, crowd[1])
        self.assert_queue_lacks(world, crowd[0], "neighbour")
        decide(world, COMMENT, "k1", mo)
        world.settle()
        assert world.parked.list() == []

    def assert_queue_lacks(self, world: World, erased: Actor, *words: str) -> None:
        for _ in range(2):
            kept = [replace(row, subject_id="", row_id="") for row in queue_rows(world)]
            found = [word for word in (*words, erased.member_id) if word in repr(kept)]
            assert found == []
            must_be_rebuilt_alike(world)

    def test_an_erased_member_can_be_neither_moderated_nor_appeal(
        self, world: World, anna: Actor, mo: Actor
    ) -> None:
        world.settle()
        erase(world, anna)
        decide(world, MEMBER, anna.member_id, mo)
        world.settle()
        assert world.parked.list() == []
        assert one(world, "members", anna.member_id) == "gone"
        with refused("erased"):
            appeal(world, anna)


def test_an_anonymous_author_is_in_no_answer_queue_or_ledger(
    world: World, mo: Actor, crowd: list[Actor]
) -> None:
    ghost = world.member("Ghost")
    world.public_case(ghost, anonymous=True)
    name_party(world, ghost)
    world.settle()
    flag(world, PARTY, "p1", *crowd)
    flag(world, CASE, "c1", crowd[0])
    world.settle()
    decide(world, PARTY, "p1", mo, RESTORE)
    decide(world, CASE, "c1", mo, HIDE, decision_id="d2")
    world.settle()
    appeal(world, ghost, "d2")
    world.settle()
    resolve(world, moderator(world, "Ada"), decision_id="d2")
    world.settle()
    (case,) = listed(world, "cases")
    assert [party.added_by for party in case["parties"]] == [None]
    for _ in range(2):
        told = {
            question: answer
            for question, answer in answers_and_queue(world).items()
            if question != f"members/{ghost.member_id}"
        }
        assert [word for word in ("Ghost", ghost.member_id) if word in repr(told)] == []
        must_be_rebuilt_alike(world)


def answers_and_queue(world: World) -> dict[str, Any]:
    return {**answered(world), "queue": queue(world)}


def test_an_anonymous_viewer_is_not_the_author_of_an_erased_members_work() -> None:
    assert not ANYBODY.is_member(MemberId(""))


def test_the_name_of_a_hidden_profile_is_in_no_answer(world: World) -> None:
    anna, ben, mo = world.member("Annabel"), world.member("Ben"), moderator(world)
    world.public_case(anna)
    world.public_case(ben, "c2")
    name_party(world, anna, case_id="c2")
    say(world, anna, case_id="c2")
    world.settle()
    decide(world, MEMBER, anna.member_id, mo)
    world.settle()
    world.public_case(anna, "c3")
    say(world, anna, comment_id="k2", case_id="c2")
    name_party(world, anna, party_id="p2", case_id="c2")
    world.settle()
    assert "pseudonym='Annabel'" not in seen_by_all(world)
    must_be_rebuilt_alike(world)
    assert "pseudonym='Annabel'" not in seen_by_all(world)
    decide(world, MEMBER, anna.member_id, mo, RESTORE, decision_id="d2")
    world.settle()
    for case_id in ("c1", "c3"):
        assert one(world, "cases", case_id)["author"].pseudonym == "Annabel"
    assert [each["author"].pseudonym for each in listed(world, "discussions", case_id="c2")] == [
        "Annabel",
        "Annabel",
    ]
    added = [each.added_by.pseudonym for each in one(world, "cases", "c2")["parties"]]
    assert added == ["Annabel", "Annabel"]
    must_be_rebuilt_alike(world)
