"""The rules of a subject of moderation."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import SYSTEM, Actor, CaseId, MemberId, Role
from domain.moderation.subject import (
    ApplyVerdict,
    FlagWeighed,
    RegisterSubject,
    SubjectCommand,
    SubjectDecided,
    SubjectEvent,
    SubjectHidden,
    SubjectKind,
    SubjectRegistered,
    SubjectRestored,
    Verdict,
    WeighFlag,
    subject_decider,
    subject_key,
)
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
KIND, CASE = SubjectKind.COMMENT, CaseId("c1")

REGISTER = RegisterSubject(
    kind=KIND, subject_id="k1", case_id=CASE, author=MemberId("anna"), by=SYSTEM, at=AT
)
WEIGH = WeighFlag(flag_id="f1", rule="spam", weight=0.4, threshold=1.0, by=SYSTEM, at=AT)
APPLY = ApplyVerdict(
    decision_id="d1", verdict=Verdict.HIDE, rule="spam", reason="An advert.", by=SYSTEM, at=AT
)
REGISTERED = SubjectRegistered(
    subject_kind=KIND, subject_id="k1", case_id=CASE, author=MemberId("anna"), at=AT
)
WEIGHED = FlagWeighed(subject_kind=KIND, subject_id="k1", flag_id="f1", weight=0.4, at=AT)
HIDDEN = SubjectHidden(subject_kind=KIND, subject_id="k1", case_id=CASE, rule="spam", at=AT)
HIDDEN_BY = replace(HIDDEN, reason="An advert.", decision_id="d1", role="moderator")
RESTORED = SubjectRestored(
    subject_kind=KIND, subject_id="k1", case_id=CASE, decision_id="d1", at=AT
)
DECIDED = SubjectDecided(
    subject_kind=KIND, subject_id="k1", decision_id="d1", flags=("f1",), upheld=True, at=AT
)


def when(past: list[SubjectEvent], command: SubjectCommand) -> list[SubjectEvent]:
    return subject_decider.decide(command, subject_decider.fold(past))


def verdict(verdict: Verdict) -> ApplyVerdict:
    return replace(APPLY, verdict=verdict)


def test_a_subject_is_registered_once() -> None:
    assert when([], REGISTER) == [REGISTERED]
    assert when([REGISTERED], REGISTER) == []


def test_only_the_system_does_anything_to_it() -> None:
    for command in (REGISTER, WEIGH, APPLY):
        with refused("forbidden"):
            when([REGISTERED], replace(command, by=MODERATOR))


def test_a_flag_is_weighed_once() -> None:
    assert when([REGISTERED], WEIGH) == [WEIGHED]
    assert when([REGISTERED, WEIGHED], WEIGH) == []


def test_flags_that_are_heavy_together_hide_it_until_moderators_decide() -> None:
    heavy = replace(WEIGH, flag_id="f2", weight=0.6)
    weighed = replace(WEIGHED, flag_id="f2", weight=0.6)
    assert when([REGISTERED, WEIGHED], heavy) == [weighed, HIDDEN]
    assert when([REGISTERED, WEIGHED, HIDDEN], heavy) == [weighed]


def test_what_moderators_hide_is_hidden_and_its_flags_were_right() -> None:
    assert when([REGISTERED, WEIGHED], APPLY) == [DECIDED, HIDDEN_BY]
    assert when([REGISTERED, WEIGHED, HIDDEN], APPLY) == [DECIDED]


def test_what_they_restore_or_let_stand_is_seen_and_its_flags_were_not() -> None:
    wrong = replace(DECIDED, upheld=False)
    for shown in (Verdict.RESTORE, Verdict.DISMISS):
        assert when([REGISTERED, WEIGHED, HIDDEN], verdict(shown)) == [wrong, RESTORED]
        assert when([REGISTERED, WEIGHED], verdict(shown)) == [wrong]


def test_settled_flags_weigh_nothing_any_more() -> None:
    state = subject_decider.fold([REGISTERED, WEIGHED, HIDDEN, DECIDED, RESTORED])
    assert (state.flags, state.weight, state.hidden) == ((), 0.0, False)


def test_a_subject_is_known_by_its_kind_and_id() -> None:
    assert subject_key(SubjectKind.CASE, "c1") == "case-c1"


@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 1.0]), max_size=8))
def test_it_is_hidden_as_soon_as_the_flags_weigh_enough(weights: list[float]) -> None:
    past: list[SubjectEvent] = [REGISTERED]
    for number, weight in enumerate(weights):
        past += when(past, replace(WEIGH, flag_id=f"f{number}", weight=weight))
    assert subject_decider.fold(past).hidden == (sum(weights) >= 1.0)
