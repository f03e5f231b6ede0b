"""The rules of decisions and of appeals against them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.actors import SYSTEM, Actor, Role
from domain.decider import Informed
from domain.ids import CaseId, MemberId
from domain.moderation.decision import (
    AppealDecision,
    AppealResolved,
    AppealSigned,
    AppellantForgotten,
    DecideSubject,
    Decision,
    DecisionAppealed,
    DecisionCommand,
    DecisionEvent,
    DecisionFacts,
    DecisionMade,
    DecisionSigned,
    ForgetAppellant,
    Outcome,
    ReasonGiven,
    ReasonRedacted,
    RedactReason,
    ResolveAppeal,
    decision_decider,
)
from domain.moderation.subject import Subject, SubjectKind, Verdict
from tests.domain.informed import asking, knowing
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Actor(member_id=MemberId("anna"))
BEN = Actor(member_id=MemberId("ben"))
MO = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
ADA = Actor(member_id=MemberId("ada"), roles=frozenset({Role.ADMIN}))
ANNA_AS_MODERATOR = replace(ANNA, roles=frozenset({Role.MODERATOR}))
SUBJECT = Subject(
    kind=SubjectKind.COMMENT, subject_id="k1", case_id=CaseId("c1"), author=ANNA.member_id
)
CASE_AUTHORS = frozenset({BEN.member_id, MemberId("dora")})
BEN_AS_MODERATOR = replace(BEN, roles=frozenset({Role.MODERATOR}))

FACTS = DecisionFacts(
    subject=SUBJECT,
    case_authors=CASE_AUTHORS,
    in_force=Decision(),
    overturned=frozenset(),
)
DECIDE = Informed(
    DecideSubject(
        decision_id="d1",
        subject_kind=SubjectKind.COMMENT,
        subject_id="k1",
        verdict=Verdict.HIDE,
        rule="spam",
        reason="An advert.",
        by=MO,
        at=AT,
    ),
    FACTS,
)
APPEAL = Informed(AppealDecision(statement="It is none.", by=ANNA, at=AT), FACTS)
RESOLVE = Informed(
    ResolveAppeal(outcome=Outcome.OVERTURN, reason="It is none.", by=ADA, at=AT), FACTS
)
MADE = DecisionMade(
    decision_id="d1",
    subject_kind=SubjectKind.COMMENT,
    subject_id="k1",
    case_id=CaseId("c1"),
    verdict=Verdict.HIDE,
    rule="spam",
    reason_id="reason/d1",
    turns=0,
    at=AT,
)
GIVEN = ReasonGiven(decision_id="d1", reason_id="reason/d1", reason="An advert.", at=AT)
SIGNED = DecisionSigned(decision_id="d1", by=MO.member_id, at=AT)
APPEALED = DecisionAppealed(
    decision_id="d1",
    subject_kind=SubjectKind.COMMENT,
    subject_id="k1",
    at=AT,
)
APPEAL_SIGNED = AppealSigned(
    decision_id="d1",
    subject_kind=SubjectKind.COMMENT,
    subject_id="k1",
    by=ANNA.member_id,
    statement="It is none.",
    at=AT,
)
FORGOTTEN = AppellantForgotten(
    decision_id="d1", subject_kind=SubjectKind.COMMENT, subject_id="k1", at=AT
)
FORGET = ForgetAppellant(member_id=ANNA.member_id, by=SYSTEM, at=AT)
RESOLVED = AppealResolved(
    decision_id="d1",
    subject_kind=SubjectKind.COMMENT,
    subject_id="k1",
    outcome=Outcome.OVERTURN,
    verdict=Verdict.RESTORE,
    rule="spam",
    reason_id="reason/d1/outcome",
    at=AT,
)
OUTCOME_GIVEN = replace(GIVEN, reason_id="reason/d1/outcome", reason="It is none.")
REDACT = Informed(RedactReason(reason_id="reason/d1", by=ADA, at=AT), FACTS)
REDACTED = ReasonRedacted(
    decision_id="d1",
    reason_id="reason/d1",
    subject_kind=SubjectKind.COMMENT,
    subject_id="k1",
    at=AT,
)
RESOLVED_SIGNED = replace(SIGNED, by=ADA.member_id)


def when(past: list[DecisionEvent], command: DecisionCommand) -> list[DecisionEvent]:
    return decision_decider.decide(command, decision_decider.fold(past))


def test_making_a_decision_again_is_refused() -> None:
    assert when([], DECIDE) == [MADE, GIVEN, SIGNED]
    with refused("already-decided"):
        when([MADE], DECIDE)


@pytest.mark.parametrize("by", [BEN, SYSTEM])
def test_only_moderators_decide_and_resolve(by: Actor) -> None:
    with refused("forbidden"):
        when([], asking(DECIDE, by=by))
    with refused("forbidden"):
        when([MADE, APPEALED], asking(RESOLVE, by=by))


def test_a_decision_names_a_known_rule() -> None:
    with refused("unknown-rule"):
        when([], asking(DECIDE, rule="dislike"))


def test_a_decision_on_an_unknown_subject_is_refused() -> None:
    with refused("not-found"):
        when([], knowing(DECIDE, subject=Subject()))


@pytest.mark.parametrize("by", [ANNA_AS_MODERATOR, BEN_AS_MODERATOR])
def test_moderators_do_not_judge_their_own_contributions_and_cases(by: Actor) -> None:
    with refused("not-oneself"):
        when([], asking(DECIDE, by=by))
    with refused("not-oneself"):
        when([MADE, APPEALED], asking(RESOLVE, by=by))


def test_a_decision_without_an_effect_or_a_flag_is_refused() -> None:
    hidden, flagged = replace(SUBJECT, hidden=True), replace(SUBJECT, flags=("f1",))
    nothing = [
        knowing(DECIDE, subject=hidden),
        asking(DECIDE, verdict=Verdict.RESTORE),
        asking(DECIDE, verdict=Verdict.DISMISS),
    ]
    for command in nothing:
        with refused("nothing-to-decide"):
            when([], command)
    assert when([], knowing(DECIDE, subject=replace(hidden, flags=("f1",)))) == [
        MADE,
        GIVEN,
        SIGNED,
    ]
    for shown in (Verdict.RESTORE, Verdict.DISMISS):
        made = replace(MADE, verdict=shown)
        for subject in (hidden, flagged):
            command = knowing(asking(DECIDE, verdict=shown), subject=subject)
            assert when([], command) == [made, GIVEN, SIGNED]


def test_another_decision_is_refused_while_an_appeal_is_open() -> None:
    appealed = decision_decider.fold([MADE, APPEALED])
    hidden = replace(SUBJECT, hidden=True, decision_id="d1")
    for subject, standing in ((hidden, appealed), (replace(hidden, appealed=True), Decision())):
        for verdict in Verdict:
            command = knowing(asking(DECIDE, verdict=verdict), subject=subject, in_force=standing)
            with refused("appeal-pending"):
                when([], command)
    resolved = decision_decider.fold([MADE, APPEALED, RESOLVED])
    restore = knowing(asking(DECIDE, verdict=Verdict.RESTORE), subject=hidden, in_force=resolved)
    assert when([], restore) == [replace(MADE, verdict=Verdict.RESTORE), GIVEN, SIGNED]


def test_a_subject_restored_on_appeal_is_hidden_after_new_flags_and_by_another_moderator_only() -> (
    None
):
    restored = replace(SUBJECT, decision_id="d1", overturned=("d1",), turns=3)
    flagged = replace(restored, flags=("f1",))
    hide = knowing(DECIDE, subject=flagged, overturned=frozenset({ADA.member_id}))
    assert when([], hide) == [replace(MADE, turns=3), GIVEN, SIGNED]
    with refused("settled-on-appeal"):
        when([], knowing(hide, subject=restored))
    with refused("same-moderator"):
        when([], asking(hide, by=ADA))
    dismiss = asking(hide, by=ADA, verdict=Verdict.DISMISS)
    made = replace(MADE, verdict=Verdict.DISMISS, turns=3)
    assert when([], dismiss) == [made, GIVEN, RESOLVED_SIGNED]


def test_a_superseded_decision_can_be_neither_appealed_nor_resolved() -> None:
    over = replace(SUBJECT, decision_id="d2", past=("d1",))
    with refused("superseded"):
        when([MADE], knowing(APPEAL, subject=over))
    with refused("superseded"):
        when([MADE, APPEALED], knowing(RESOLVE, subject=over))


def test_the_author_of_the_subject_appeals_once() -> None:
    assert when([MADE], APPEAL) == [APPEALED, APPEAL_SIGNED]
    with refused("already-appealed"):
        when([MADE, APPEALED], APPEAL)


def test_only_the_author_of_the_subject_appeals() -> None:
    for by in (BEN, MO):
        with refused("forbidden"):
            when([MADE], asking(APPEAL, by=by))


def test_only_a_decision_to_hide_can_be_appealed() -> None:
    with refused("nothing-to-appeal"):
        when([replace(MADE, verdict=Verdict.DISMISS)], APPEAL)


def test_appealing_or_resolving_without_a_decision_or_an_appeal_is_refused() -> None:
    for command in (APPEAL, RESOLVE):
        with refused("not-found"):
            when([], command)
    with refused("not-found"):
        when([MADE], RESOLVE)


def test_an_appeal_is_resolved_once_and_by_another_moderator() -> None:
    assert when([MADE, SIGNED, APPEALED], RESOLVE) == [RESOLVED, OUTCOME_GIVEN, RESOLVED_SIGNED]
    with refused("same-moderator"):
        when([MADE, SIGNED, APPEALED], asking(RESOLVE, by=MO))
    with refused("already-resolved"):
        when([MADE, SIGNED, APPEALED, RESOLVED, RESOLVED_SIGNED], RESOLVE)


def test_upholding_a_decision_keeps_its_verdict() -> None:
    upheld = replace(RESOLVED, outcome=Outcome.UPHOLD, verdict=Verdict.HIDE)
    assert when([MADE, APPEALED], asking(RESOLVE, outcome=Outcome.UPHOLD)) == [
        upheld,
        OUTCOME_GIVEN,
        RESOLVED_SIGNED,
    ]


def test_an_erased_appellant_is_forgotten_once_while_the_appeal_is_open() -> None:
    past: list[DecisionEvent] = [MADE, SIGNED, APPEALED, APPEAL_SIGNED]
    assert when(past, FORGET) == [FORGOTTEN]
    assert when([*past, FORGOTTEN], FORGET) == []
    assert when([*past, RESOLVED], FORGET) == []
    assert when([MADE, SIGNED], FORGET) == []
    assert decision_decider.fold([*past, FORGOTTEN]).under_appeal


def test_erasing_another_member_does_not_forget_the_appellant() -> None:
    past: list[DecisionEvent] = [MADE, SIGNED, APPEALED, APPEAL_SIGNED]
    assert when(past, replace(FORGET, member_id=MO.member_id)) == []
    with refused("forbidden"):
        when(past, replace(FORGET, by=MO))


def test_each_reason_is_redacted_once_and_the_moderator_is_signed() -> None:
    past: list[DecisionEvent] = [MADE, GIVEN, SIGNED]
    assert when(past, REDACT) == [REDACTED, RESOLVED_SIGNED]
    assert when([*past, REDACTED, RESOLVED_SIGNED], REDACT) == []
    of_outcome = asking(REDACT, reason_id="reason/d1/outcome")
    with refused("not-found"):
        when(past, of_outcome)
    assert when([*past, APPEALED, RESOLVED, OUTCOME_GIVEN], of_outcome) == [
        replace(REDACTED, reason_id="reason/d1/outcome"),
        RESOLVED_SIGNED,
    ]


def test_moderators_can_redact_their_own_reasons() -> None:
    assert when([MADE, GIVEN, SIGNED], asking(REDACT, by=MO)) == [REDACTED, SIGNED]


def test_only_moderators_redact_reasons_and_not_about_themselves() -> None:
    with refused("forbidden"):
        when([MADE, GIVEN, SIGNED], asking(REDACT, by=BEN))
    with refused("not-oneself"):
        when([MADE, GIVEN, SIGNED], asking(REDACT, by=ANNA_AS_MODERATOR))
