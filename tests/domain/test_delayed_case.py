"""An anonymous case whose reporter chose to have it published later, by chance."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.actors import SYSTEM
from domain.cases.case import can_be_seen, case_decider
from domain.cases.case_commands import (
    AmendCase,
    CaseCommand,
    ForgetMember,
    HideCase,
    ReleaseCase,
    RestoreCase,
    RetractEvidence,
    ReturnEvidence,
    WithdrawCase,
    WithholdEvidence,
)
from domain.cases.case_details import CaseStatus
from domain.cases.case_events import (
    CaseErased,
    CaseEvent,
    CaseHeld,
    CaseHidden,
    CasePublished,
    CaseReleased,
    CaseRestored,
    EvidenceShown,
)
from domain.ids import MemberId
from domain.times import DAY, NEVER, UNTOLD
from tests.domain.test_case import (
    ACCEPTED,
    ANNA,
    AT,
    ATTACHED,
    BEN,
    CASE,
    DETAILS,
    E1,
    E2,
    MODERATOR,
    REPORTED,
    SHOWN,
    WITHDRAWN,
    accept,
    report,
    when,
)
from tests.world import refused

HOUR = timedelta(hours=1)
DELAY = timedelta(hours=20, minutes=3)
DUE = AT + DELAY
DELAYED = replace(
    REPORTED,
    author_name="",
    anonymous=True,
    delayed=True,
    publish_within=48,
    delay=int(DELAY.total_seconds()),
)
HELD = CaseHeld(case_id=CASE, author=ANNA.member_id, until=DUE, at=AT)
RELEASED = CaseReleased(case_id=CASE, at=DUE)
PUBLISHED = CasePublished(
    case_id=CASE,
    author=ANNA.member_id,
    anonymous=True,
    details=DETAILS,
    published_at=DUE,
    at=DUE,
)
WAITING: list[CaseEvent] = [DELAYED, ACCEPTED, HELD]
PUBLIC: list[CaseEvent] = [*WAITING, RELEASED, replace(SHOWN, at=DUE), PUBLISHED]


def release(**later: float) -> ReleaseCase:
    return ReleaseCase(by=SYSTEM, at=DUE + timedelta(**later))


def after(past: list[CaseEvent], *commands: CaseCommand) -> list[CaseEvent]:
    """The past, and all that the commands lead to."""
    for command in commands:
        past = [*past, *when(past, command)]
    return past


def status(past: list[CaseEvent]) -> CaseStatus | None:
    return case_decider.fold(past).status


def test_the_choice_and_the_drawn_delay_are_in_the_report() -> None:
    command = report(DELAY, evidence=(E1,), anonymous=True, publish_within=48)
    assert when([], command) == [DELAYED]


def test_a_named_case_cannot_be_delayed() -> None:
    with refused("delay-needs-anonymity"):
        when([], report(DELAY, publish_within=48))


def test_it_waits_from_when_it_has_evidence() -> None:
    assert status([DELAYED]) is CaseStatus.AWAITING_EVIDENCE
    assert when([DELAYED], accept(E1)) == [ACCEPTED, HELD]
    assert status(WAITING) is CaseStatus.AWAITING_PUBLICATION


def test_its_author_and_moderators_alone_see_it_while_it_waits() -> None:
    state = case_decider.fold(WAITING)
    assert [can_be_seen(state, by) for by in (ANNA, MODERATOR, BEN)] == [True, True, False]


def test_it_is_published_when_it_is_due_and_not_before() -> None:
    assert when(WAITING, release(seconds=-1)) == []
    (released, shown, published) = when(WAITING, release())
    assert (released, published) == (RELEASED, PUBLISHED)
    assert isinstance(shown, EvidenceShown)
    assert status(PUBLIC) is CaseStatus.PUBLISHED


@pytest.mark.parametrize(
    "past",
    [
        [],
        [REPORTED, ACCEPTED],
        [DELAYED],
        PUBLIC,
        [*WAITING, WITHDRAWN],
        [*WAITING, CaseErased(case_id=CASE, at=AT)],
        # Its author was erased: the time is unreadable, and the case is about to be erased.
        [DELAYED, ACCEPTED, replace(HELD, author=MemberId(""), until=None)],
    ],
)
def test_nothing_but_a_case_that_waits_is_released(past: list[CaseEvent]) -> None:
    assert when(past, release(days=9)) == []


def test_only_the_system_releases_a_case() -> None:
    with refused("forbidden"):
        when(WAITING, ReleaseCase(by=ANNA, at=DUE))


def test_it_is_public_by_the_end_of_the_chosen_time() -> None:
    assert case_decider.fold(WAITING).due_by == AT + 48 * HOUR
    assert case_decider.fold([DELAYED]).due_by is None
    assert case_decider.fold(PUBLIC).due_by is None


def test_more_evidence_and_amendments_do_not_change_when_it_is_due() -> None:
    amend = AmendCase(changes={"title": "Another"}, by=ANNA, at=AT)
    past = after([*WAITING, ATTACHED], amend, accept(E2))
    assert case_decider.fold(past).held_until == DUE
    assert [event for event in past if isinstance(event, CaseHeld)] == [HELD]


@pytest.mark.parametrize(
    ("lose", "regain"),
    [
        (RetractEvidence(evidence_id=E1, by=ANNA, at=AT), accept(E2)),
        (
            WithholdEvidence(evidence_id=E1, rule="spam", by=SYSTEM, at=AT),
            ReturnEvidence(evidence_id=E1, by=SYSTEM, at=AT),
        ),
    ],
)
def test_it_waits_anew_if_it_lost_its_evidence_meanwhile(
    lose: CaseCommand, regain: CaseCommand
) -> None:
    without = after([*WAITING, ATTACHED], lose)
    assert status(without) is CaseStatus.AWAITING_EVIDENCE
    assert when(without, release()) == []
    changes: dict[str, Any] = {"at": DUE}
    held = when(without, replace(regain, **changes))[-1]
    assert held == replace(HELD, until=DUE + DELAY, at=DUE)


HIDE = HideCase(rule="spam", by=SYSTEM, at=AT)
RESTORE = RestoreCase(by=SYSTEM, at=DUE + HOUR)


def test_it_is_not_published_while_it_is_hidden_and_waits_no_longer_for_that() -> None:
    hidden = after(WAITING, HIDE)
    assert hidden[-1] == CaseHidden(case_id=CASE, rule="spam", at=AT)
    assert when(hidden, release()) == []
    restored = when(hidden, RESTORE)
    assert restored == [
        CaseRestored(case_id=CASE, at=DUE + HOUR),
        replace(HELD, at=DUE + HOUR),
    ]
    assert status(after([*hidden, *restored], release(hours=1))) is CaseStatus.PUBLISHED


def test_evidence_that_comes_while_it_is_hidden_makes_it_wait_once_it_is_restored() -> None:
    restored = after([DELAYED], HIDE, accept(E1), RESTORE)
    assert status(restored) is CaseStatus.AWAITING_PUBLICATION
    assert case_decider.fold(restored).held_until == DUE + HOUR + DELAY


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (WithdrawCase(by=ANNA, at=AT), CaseStatus.WITHDRAWN),
        (ForgetMember(member_id=ANNA.member_id, by=SYSTEM, at=AT), CaseStatus.ERASED),
    ],
)
def test_it_can_be_withdrawn_and_erased_while_it_waits(
    command: CaseCommand, expected: CaseStatus
) -> None:
    (event,) = when(WAITING, command)
    assert status([*WAITING, event]) is expected


def test_only_its_first_publication_is_delayed() -> None:
    lose = WithholdEvidence(evidence_id=E1, rule="spam", by=SYSTEM, at=DUE)
    regain = ReturnEvidence(evidence_id=E1, by=SYSTEM, at=DUE)
    assert status(after(PUBLIC, lose, regain)) is CaseStatus.PUBLISHED
    assert status(after(PUBLIC, HIDE, RESTORE)) is CaseStatus.PUBLISHED


@pytest.mark.parametrize(
    ("past", "grain"),
    [
        ([DELAYED], NEVER),
        (WAITING, NEVER),
        ([*WAITING, WITHDRAWN], NEVER),
        ([*WAITING, RELEASED], DAY),
        (PUBLIC, DAY),
    ],
)
def test_no_time_before_its_publication_is_told(past: list[CaseEvent], grain: timedelta) -> None:
    assert case_decider.grain(case_decider.fold(past)) == grain


def test_evidence_that_was_accepted_before_is_shown_with_the_time_of_the_publication() -> None:
    accepted = replace(ACCEPTED, at=UNTOLD)
    shown = when([DELAYED, accepted, HELD], release())[1]
    assert shown == replace(SHOWN, accepted_at=DUE, at=DUE)
