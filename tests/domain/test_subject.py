"""The rules of a subject of moderation."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.actors import SYSTEM, Actor, ContributorRole, Role
from domain.decider import Informed
from domain.ids import CaseId, MemberId
from domain.moderation.subject import (
    AnswerFlags,
    AppealSetAside,
    ApplyOutcome,
    ApplyVerdict,
    AuthorForgotten,
    CiteSubject,
    DecisionSetAside,
    FlagsAnswered,
    FlagWeighed,
    ForgetAuthor,
    OpenAppeal,
    RegisterSubject,
    SubjectAppealed,
    SubjectCited,
    SubjectCommand,
    SubjectDecided,
    SubjectEvent,
    SubjectFacts,
    SubjectHidden,
    SubjectKind,
    SubjectRegistered,
    SubjectRestored,
    Verdict,
    WeighFlag,
    subject_decider,
    subject_key,
)
from tests.domain.informed import asking, knowing
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
KIND, CASE = SubjectKind.COMMENT, CaseId("c1")

REGISTER = RegisterSubject(
    kind=KIND, subject_id="k1", case_id=CASE, author=MemberId("anna"), by=SYSTEM, at=AT
)
CITE = CiteSubject(kind=KIND, subject_id="k1", case_id=CASE, by=SYSTEM, at=AT)
WEIGH = Informed(
    WeighFlag(flag_id="f1", rule="spam", by=SYSTEM, at=AT),
    SubjectFacts(weight=0.4, threshold=1.0),
)
APPLY = ApplyVerdict(
    decision_id="d1",
    verdict=Verdict.HIDE,
    rule="spam",
    reason_id="reason/d1",
    turns=0,
    by=SYSTEM,
    at=AT,
)
OPEN_APPEAL = OpenAppeal(decision_id="d1", by=SYSTEM, at=AT)
OUTCOME = ApplyOutcome(
    decision_id="d1",
    verdict=Verdict.RESTORE,
    rule="spam",
    reason_id="reason/d1/outcome",
    by=SYSTEM,
    at=AT,
)
REGISTERED = SubjectRegistered(
    subject_kind=KIND, subject_id="k1", case_id=CASE, author=MemberId("anna"), at=AT
)
CITED = SubjectCited(subject_kind=KIND, subject_id="k1", case_id=CASE, at=AT)
WEIGHED = FlagWeighed(
    subject_kind=KIND, subject_id="k1", flag_id="f1", rule="spam", weight=0.4, at=AT
)
HIDDEN = SubjectHidden(subject_kind=KIND, subject_id="k1", case_id=CASE, rule="spam", at=AT)
HIDDEN_BY = replace(HIDDEN, reason_id="reason/d1", decision_id="d1", role=ContributorRole.MODERATOR)
RESTORED = SubjectRestored(
    subject_kind=KIND, subject_id="k1", case_id=CASE, decision_id="d1", at=AT
)
DECIDED = SubjectDecided(
    subject_kind=KIND,
    subject_id="k1",
    decision_id="d1",
    flags=("f1",),
    rules=("spam",),
    upheld=True,
    at=AT,
)
APPEALED = SubjectAppealed(subject_kind=KIND, subject_id="k1", decision_id="d1", at=AT)
ANSWER = AnswerFlags(statement="It is none.", by=Actor(member_id=MemberId("anna")), at=AT)
ANSWERED = FlagsAnswered(
    subject_kind=KIND,
    subject_id="k1",
    by=MemberId("anna"),
    statement="It is none.",
    at=AT,
)
OVERTURNED = replace(DECIDED, flags=(), upheld=False)


def when(past: list[SubjectEvent], command: SubjectCommand) -> list[SubjectEvent]:
    return subject_decider.decide(command, subject_decider.fold(past))


def verdict(verdict: Verdict) -> ApplyVerdict:
    return replace(APPLY, verdict=verdict)


def test_a_subject_is_registered_once() -> None:
    assert when([], REGISTER) == [REGISTERED]
    assert when([REGISTERED], REGISTER) == []


def test_a_subject_knows_the_cases_that_cite_it_even_before_it_is_registered() -> None:
    assert when([], CITE) == [CITED]
    assert when([CITED, REGISTERED], CITE) == []
    assert when([CITED], REGISTER) == [REGISTERED]
    other = CaseId("c2")
    past: list[SubjectEvent] = [CITED, REGISTERED, replace(CITED, case_id=other)]
    state = subject_decider.fold(past)
    assert (state.author, state.cited_in) == (MemberId("anna"), (CASE, other))


def test_evidence_belongs_to_the_case_that_cited_it_first() -> None:
    """Otherwise evidence that is attached to the cases of all moderators is judged by nobody."""
    cited: list[SubjectEvent] = [replace(CITED, case_id=CaseId(key)) for key in ("c2", "c3", "c4")]
    evidence = replace(REGISTERED, subject_kind=SubjectKind.EVIDENCE, case_id=CaseId(""))
    assert subject_decider.fold([evidence, *cited]).belongs_to == "c2"
    assert subject_decider.fold([REGISTERED]).belongs_to == CASE
    assert subject_decider.fold([evidence]).belongs_to == ""


def test_the_author_of_a_subject_is_forgotten_once() -> None:
    forget = ForgetAuthor(by=SYSTEM, at=AT)
    forgotten = AuthorForgotten(subject_kind=KIND, subject_id="k1", case_id=CASE, at=AT)
    assert when([REGISTERED], forget) == [forgotten]
    assert when([REGISTERED, forgotten], forget) == []
    assert when([CITED], forget) == []


def test_only_the_system_commands_a_subject() -> None:
    for command in (REGISTER, CITE, APPLY, OPEN_APPEAL, OUTCOME):
        with refused("forbidden"):
            when([REGISTERED], replace(command, by=MODERATOR))
    with refused("forbidden"):
        when([REGISTERED], asking(WEIGH, by=MODERATOR))


def test_a_flag_is_weighed_once() -> None:
    assert when([REGISTERED], WEIGH) == [WEIGHED]
    assert when([REGISTERED, WEIGHED], WEIGH) == []


def test_flags_of_enough_weight_hide_the_subject() -> None:
    heavy = knowing(asking(WEIGH, flag_id="f2"), weight=0.6)
    weighed = replace(WEIGHED, flag_id="f2", weight=0.6)
    assert when([REGISTERED, WEIGHED], heavy) == [weighed, HIDDEN]
    assert when([REGISTERED, WEIGHED, HIDDEN], heavy) == [weighed]


def test_a_decision_to_hide_hides_the_subject_and_upholds_its_flags() -> None:
    assert when([REGISTERED, WEIGHED], APPLY) == [DECIDED, HIDDEN_BY]


def test_a_decision_to_hide_a_subject_that_flags_hid_gives_its_rule_and_reason() -> None:
    assert when([REGISTERED, WEIGHED, HIDDEN], APPLY) == [DECIDED, HIDDEN_BY]


def test_a_decision_to_restore_or_dismiss_shows_the_subject_and_rejects_its_flags() -> None:
    wrong = replace(DECIDED, upheld=False)
    for shown in (Verdict.RESTORE, Verdict.DISMISS):
        assert when([REGISTERED, WEIGHED, HIDDEN], verdict(shown)) == [wrong, RESTORED]
        assert when([REGISTERED, WEIGHED], verdict(shown)) == [wrong]


class TestWhatModeratorsFoundNotToBreakARule:
    HEAVY = knowing(asking(WEIGH, flag_id="f2"), weight=5.0)
    WEIGHTLESS = replace(WEIGHED, flag_id="f2", weight=0.0)

    @pytest.mark.parametrize("shown", [Verdict.RESTORE, Verdict.DISMISS])
    def test_is_not_hidden_by_flags_again_that_name_the_rule(self, shown: Verdict) -> None:
        past: list[SubjectEvent] = [REGISTERED, WEIGHED, HIDDEN]
        past += when(past, verdict(shown))
        assert when(past, self.HEAVY) == [self.WEIGHTLESS]
        again = knowing(asking(WEIGH, flag_id="f3"), weight=5.0)
        assert when([*past, self.WEIGHTLESS], again) == [replace(self.WEIGHTLESS, flag_id="f3")]

    def test_is_hidden_by_flags_that_name_another(self) -> None:
        past: list[SubjectEvent] = [REGISTERED, WEIGHED, HIDDEN]
        past += when(past, verdict(Verdict.DISMISS))
        weighed = replace(WEIGHED, flag_id="f2", rule="hatred", weight=5.0)
        hidden = replace(HIDDEN, rule="hatred")
        assert when(past, asking(self.HEAVY, rule="hatred")) == [weighed, hidden]

    def test_is_so_by_all_rules_that_were_named(self) -> None:
        other = replace(WEIGHED, flag_id="f2", rule="hatred")
        past: list[SubjectEvent] = [REGISTERED, WEIGHED, other]
        decided = when(past, replace(verdict(Verdict.DISMISS), rule="threat"))
        named = ("hatred", "spam", "threat")
        assert decided == [replace(DECIDED, flags=("f1", "f2"), rules=named, upheld=False)]
        assert subject_decider.fold([*past, *decided]).judged == {"hatred", "spam", "threat"}

    def test_is_so_if_an_appeal_overturned_the_decision(self) -> None:
        past: list[SubjectEvent] = [REGISTERED, DECIDED, HIDDEN_BY, APPEALED]
        assert subject_decider.fold(past).judged == frozenset()
        past += when(past, OUTCOME)
        assert when(past, self.HEAVY) == [self.WEIGHTLESS]


class TestAnswering:
    BY_FLAGS: ClassVar[list[SubjectEvent]] = [REGISTERED, WEIGHED, HIDDEN]

    def test_the_author_answers_flags_that_hide_their_own_once(self) -> None:
        assert when(self.BY_FLAGS, ANSWER) == [ANSWERED]
        with refused("already-answered"):
            when([*self.BY_FLAGS, ANSWERED], ANSWER)

    def test_nobody_else_learns_that_there_is_a_subject(self) -> None:
        pasts: list[list[SubjectEvent]] = [[], self.BY_FLAGS]
        for past in pasts:
            with refused("not-found"):
                when(past, replace(ANSWER, by=MODERATOR))

    def test_there_is_nothing_to_answer_while_flags_hide_nothing(self) -> None:
        restored: list[SubjectEvent] = [*self.BY_FLAGS, replace(DECIDED, upheld=False), RESTORED]
        decided: list[SubjectEvent] = [*self.BY_FLAGS, DECIDED, HIDDEN_BY]
        shown: list[SubjectEvent] = [REGISTERED, WEIGHED]
        for past in (shown, restored, decided):
            with refused("nothing-to-answer"):
                when(past, ANSWER)

    def test_they_answer_again_when_other_flags_hide_it(self) -> None:
        dismissed = replace(DECIDED, upheld=False)
        past: list[SubjectEvent] = [*self.BY_FLAGS, ANSWERED, dismissed, RESTORED, WEIGHED, HIDDEN]
        assert when(past, ANSWER) == [ANSWERED]


def test_settled_flags_have_no_weight() -> None:
    state = subject_decider.fold([REGISTERED, WEIGHED, HIDDEN, DECIDED, RESTORED])
    assert (state.flags, state.weight, state.hidden) == ((), 0.0, False)


def test_the_key_of_a_subject_is_its_kind_and_id() -> None:
    assert subject_key(SubjectKind.CASE, "c1") == "case-c1"


class TestDecisionInForce:
    HIDDEN_BY_D1: ClassVar[list[SubjectEvent]] = [REGISTERED, DECIDED, HIDDEN_BY]
    UNDER_APPEAL: ClassVar[list[SubjectEvent]] = [*HIDDEN_BY_D1, APPEALED]

    def test_the_latest_decision_is_in_force_and_earlier_ones_are_past(self) -> None:
        past = [*self.HIDDEN_BY_D1, replace(DECIDED, decision_id="d2"), RESTORED]
        state = subject_decider.fold(past)
        assert (state.decision_id, state.past, state.turns) == ("d2", ("d1",), 2)

    def test_hiding_by_flags_puts_no_decision_in_force(self) -> None:
        state = subject_decider.fold([REGISTERED, WEIGHED, HIDDEN])
        assert (state.hidden, state.decision_id) == (True, "")

    def test_a_decision_on_an_outdated_state_is_set_aside(self) -> None:
        second = replace(APPLY, decision_id="d2", verdict=Verdict.RESTORE)
        set_aside = DecisionSetAside(subject_kind=KIND, subject_id="k1", decision_id="d2", at=AT)
        assert when(self.HIDDEN_BY_D1, second) == [set_aside]
        state = subject_decider.fold([*self.HIDDEN_BY_D1, set_aside])
        assert (state.decision_id, state.past, state.hidden) == ("d1", ("d2",), True)

    def test_a_decision_that_races_with_an_appeal_is_set_aside(self) -> None:
        second = replace(APPLY, decision_id="d2", verdict=Verdict.RESTORE, turns=1)
        (set_aside,) = when(self.UNDER_APPEAL, second)
        assert isinstance(set_aside, DecisionSetAside)

    def test_an_appeal_against_another_decision_is_set_aside(self) -> None:
        assert when(self.HIDDEN_BY_D1, OPEN_APPEAL) == [APPEALED]
        state = subject_decider.fold(self.UNDER_APPEAL)
        assert (state.appealed, state.turns) == (True, 2)
        set_aside = AppealSetAside(subject_kind=KIND, subject_id="k1", decision_id="d0", at=AT)
        assert when(self.HIDDEN_BY_D1, replace(OPEN_APPEAL, decision_id="d0")) == [set_aside]
        assert subject_decider.fold([REGISTERED, set_aside]) == subject_decider.fold([REGISTERED])

    def test_the_outcome_of_the_appeal_is_applied(self) -> None:
        assert when(self.UNDER_APPEAL, OUTCOME) == [OVERTURNED, RESTORED]
        upheld = replace(OVERTURNED, upheld=True)
        assert when(self.UNDER_APPEAL, replace(OUTCOME, verdict=Verdict.HIDE)) == [upheld]
        for event, overturned in ((OVERTURNED, ("d1",)), (upheld, ())):
            state = subject_decider.fold([*self.UNDER_APPEAL, event])
            assert (state.appealed, state.overturned, state.past) == (False, overturned, ())

    def test_the_outcome_of_an_appeal_against_another_decision_emits_nothing(self) -> None:
        past = [*self.HIDDEN_BY_D1, replace(DECIDED, decision_id="d2"), RESTORED]
        assert when(past, replace(OUTCOME, verdict=Verdict.HIDE)) == []


@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 1.0]), max_size=8))
def test_a_subject_is_hidden_as_soon_as_its_flags_weigh_enough(weights: list[float]) -> None:
    past: list[SubjectEvent] = [REGISTERED]
    for number, weight in enumerate(weights):
        past += when(past, knowing(asking(WEIGH, flag_id=f"f{number}"), weight=weight))
    assert subject_decider.fold(past).hidden == (sum(weights) >= 1.0)
