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


def test_a_moderator_decides_once() -> None:
    assert when([], DECIDE) == [MADE, GIVEN, SIGNED]
    with refused("already-decided"):
        when([MADE], DECIDE)


@pytest.mark.parametrize("by", [BEN, SYSTEM])
def test_nobody_else_decides_or_resolves(by: Actor) -> None:
    with refused("forbidden"):
        when([], asking(DECIDE, by=by))
    with refused("forbidden"):
        when([MADE, APPEALED], asking(RESOLVE, by=by))


def test_a_decision_rests_on_a_rule() -> None:
    with refused("unknown-rule"):
        when([], asking(DECIDE, rule="dislike"))


def test_there_is_nothing_to_decide_on_what_was_never_there() -> None:
    with refused("not-found"):
        when([], knowing(DECIDE, subject=Subject()))


@pytest.mark.parametrize("by", [ANNA_AS_MODERATOR, BEN_AS_MODERATOR])
def test_nobody_judges_what_is_their_own_or_on_their_own_case(by: Actor) -> None:
    with refused("not-oneself"):
        when([], asking(DECIDE, by=by))
    with refused("not-oneself"):
        when([MADE, APPEALED], asking(RESOLVE, by=by))


def test_there_is_nothing_to_decide_where_it_is_so_and_nobody_flagged_it() -> None:
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


def test_nobody_decides_anew_while_an_appeal_is_open() -> None:
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


def test_what_was_restored_on_appeal_is_hidden_upon_new_flags_alone_and_by_somebody_else() -> None:
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


def test_a_decision_in_whose_place_another_stands_is_over() -> None:
    over = replace(SUBJECT, decision_id="d2", past=("d1",))
    with refused("superseded"):
        when([MADE], knowing(APPEAL, subject=over))
    with refused("superseded"):
        when([MADE, APPEALED], knowing(RESOLVE, subject=over))


def test_whom_it_is_about_appeals_once() -> None:
    assert when([MADE], APPEAL) == [APPEALED, APPEAL_SIGNED]
    with refused("already-appealed"):
        when([MADE, APPEALED], APPEAL)


def test_nobody_else_appeals() -> None:
    for by in (BEN, MO):
        with refused("forbidden"):
            when([MADE], asking(APPEAL, by=by))


def test_only_what_was_hidden_is_appealed_for() -> None:
    with refused("nothing-to-appeal"):
        when([replace(MADE, verdict=Verdict.DISMISS)], APPEAL)


def test_there_is_no_appeal_without_a_decision() -> None:
    for command in (APPEAL, RESOLVE):
        with refused("not-found"):
            when([], command)
    with refused("not-found"):
        when([MADE], RESOLVE)


def test_another_moderator_resolves_an_appeal_once() -> None:
    assert when([MADE, SIGNED, APPEALED], RESOLVE) == [RESOLVED, OUTCOME_GIVEN, RESOLVED_SIGNED]
    with refused("same-moderator"):
        when([MADE, SIGNED, APPEALED], asking(RESOLVE, by=MO))
    with refused("already-resolved"):
        when([MADE, SIGNED, APPEALED, RESOLVED, RESOLVED_SIGNED], RESOLVE)


def test_an_upheld_decision_stands() -> None:
    upheld = replace(RESOLVED, outcome=Outcome.UPHOLD, verdict=Verdict.HIDE)
    assert when([MADE, APPEALED], asking(RESOLVE, outcome=Outcome.UPHOLD)) == [
        upheld,
        OUTCOME_GIVEN,
        RESOLVED_SIGNED,
    ]


def test_who_appealed_is_forgotten_once_while_the_appeal_waits() -> None:
    past: list[DecisionEvent] = [MADE, SIGNED, APPEALED, APPEAL_SIGNED]
    assert when(past, FORGET) == [FORGOTTEN]
    assert when([*past, FORGOTTEN], FORGET) == []
    assert when([*past, RESOLVED], FORGET) == []
    assert when([MADE, SIGNED], FORGET) == []
    assert decision_decider.fold([*past, FORGOTTEN]).under_appeal


def test_a_moderator_who_erased_their_account_takes_no_appeal_along() -> None:
    past: list[DecisionEvent] = [MADE, SIGNED, APPEALED, APPEAL_SIGNED]
    assert when(past, replace(FORGET, member_id=MO.member_id)) == []
    with refused("forbidden"):
        when(past, replace(FORGET, by=MO))


def test_each_reason_is_redacted_once_and_who_did_it_is_signed() -> None:
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


def test_a_moderator_redacts_their_own_reason_as_well() -> None:
    assert when([MADE, GIVEN, SIGNED], asking(REDACT, by=MO)) == [REDACTED, SIGNED]


def test_members_and_who_is_judged_redact_no_reason() -> None:
    with refused("forbidden"):
        when([MADE, GIVEN, SIGNED], asking(REDACT, by=BEN))
    with refused("not-oneself"):
        when([MADE, GIVEN, SIGNED], asking(REDACT, by=ANNA_AS_MODERATOR))
