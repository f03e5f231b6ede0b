"""The rules of a record: how often the flags of a member were right."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.actors import SYSTEM, Actor, Role
from domain.ids import MemberId
from domain.moderation.record import (
    CountFlag,
    FlagCounted,
    FlagOpened,
    OpenFlag,
    Record,
    RecordCommand,
    RecordEvent,
    record_decider,
)
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
OPEN = OpenFlag(record_id="r1", flag_id="f1", by=SYSTEM, at=AT)
COUNT = CountFlag(record_id="r1", flag_id="f1", upheld=True, by=SYSTEM, at=AT)


def opened(flag_id: str = "f1") -> FlagOpened:
    return FlagOpened(record_id="r1", flag_id=flag_id, at=AT)


def counted(flag_id: str = "f1", *, upheld: bool = True) -> FlagCounted:
    return FlagCounted(record_id="r1", flag_id=flag_id, upheld=upheld, at=AT)


def upheld(*days: int) -> list[RecordEvent]:
    """Flags that moderators upheld, each on the day of this number."""
    return [
        replace(counted(f"f{number}"), at=AT + timedelta(days=day))
        for number, day in enumerate(days)
    ]


HISTORY = upheld(0, 1, 2)


def when(past: list[RecordEvent], command: RecordCommand) -> list[RecordEvent]:
    return record_decider.decide(command, record_decider.fold(past))


def test_opening_a_flag_again_emits_nothing() -> None:
    assert when([], OPEN) == [opened()]
    assert when([opened()], OPEN) == []


def test_a_settled_flag_is_counted_and_no_longer_open() -> None:
    for upheld in (True, False):
        assert when([opened()], replace(COUNT, upheld=upheld)) == [counted(upheld=upheld)]
    assert record_decider.fold([opened(), opened("f2"), counted()]).open == ("f2",)


def test_only_the_system_counts_flags() -> None:
    for command in (OPEN, COUNT):
        with refused("forbidden"):
            when([opened()], replace(command, by=MODERATOR))


def test_flags_of_a_member_without_history_weigh_nothing() -> None:
    assert Record().weight == 0
    rejected: list[RecordEvent] = [
        replace(counted(upheld=False), at=AT + timedelta(days=day)) for day in range(9)
    ]
    for past in ([opened()], rejected, upheld(0, 1), upheld(*[0] * 20), upheld(0, 0, 1, 1)):
        record = record_decider.fold(past)
        assert (record.has_history, record.weight, record.weight_of("f1")) == (False, 0, 0)


def test_history_is_that_moderators_upheld_flags_on_three_days() -> None:
    for days in ((0, 1, 2), (0, 0, 7, 30)):
        record = record_decider.fold(upheld(*days))
        assert record.has_history
        assert record.weight == (1 + len(days)) / (4 + len(days))


def test_no_more_days_are_kept_than_history_takes() -> None:
    assert len(record_decider.fold(upheld(*range(9))).days) == 3


@given(st.integers(1, 60))
def test_each_open_flag_lowers_the_weight_of_the_next(number: int) -> None:
    waiting = [opened(f"w{each}") for each in range(number)]
    record = record_decider.fold([*HISTORY, *waiting])
    assert record.weight == 4 / (7 + number)
    assert record.weight_of("w0") == 4 / (7 + number - 1)


@given(st.lists(st.booleans(), max_size=50))
def test_upheld_flags_raise_the_weight_and_dismissed_flags_lower_it(past: list[bool]) -> None:
    record = record_decider.fold([*HISTORY, *(counted(upheld=upheld) for upheld in past)])
    assert (record.upheld, record.settled) == (3 + sum(past), 3 + len(past))
    right = record_decider.evolve(record, counted(upheld=True)).weight
    wrong = record_decider.evolve(record, counted(upheld=False)).weight
    assert 0 < wrong < record.weight < right < 1


@given(st.lists(st.booleans(), max_size=50))
def test_an_open_flag_weighs_like_a_dismissed_one(past: list[bool]) -> None:
    record = record_decider.fold([*HISTORY, *(counted(upheld=upheld) for upheld in past)])
    wrong = record_decider.evolve(record, counted(upheld=False))
    assert record_decider.evolve(record, opened()).weight == wrong.weight
