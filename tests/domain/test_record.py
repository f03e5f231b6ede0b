"""The rules of a member's record as one who flags."""

from dataclasses import replace
from datetime import UTC, datetime

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


def when(past: list[RecordEvent], command: RecordCommand) -> list[RecordEvent]:
    return record_decider.decide(command, record_decider.fold(past))


def test_a_flag_waits_once() -> None:
    assert when([], OPEN) == [opened()]
    assert when([opened()], OPEN) == []


def test_each_settled_flag_is_counted_and_waits_no_longer() -> None:
    for upheld in (True, False):
        assert when([opened()], replace(COUNT, upheld=upheld)) == [counted(upheld=upheld)]
    assert record_decider.fold([opened(), opened("f2"), counted()]).open == ("f2",)


def test_only_the_system_counts() -> None:
    for command in (OPEN, COUNT):
        with refused("forbidden"):
            when([opened()], replace(command, by=MODERATOR))


def test_a_stranger_is_believed_one_time_in_four() -> None:
    assert Record().weight == 0.25
    assert record_decider.fold([opened()]).weight_of("f1") == 0.25


@given(st.integers(1, 60))
def test_the_more_flags_wait_the_less_the_next_one_weighs(number: int) -> None:
    record = record_decider.fold(opened(f"f{each}") for each in range(number))
    assert record.weight == 1 / (4 + number)
    assert record.weight_of("f0") == 1 / (4 + number - 1)


@given(st.lists(st.booleans(), max_size=50))
def test_who_was_right_is_believed_more_and_who_was_not_less(past: list[bool]) -> None:
    record = record_decider.fold(counted(upheld=upheld) for upheld in past)
    assert (record.upheld, record.settled) == (sum(past), len(past))
    right = record_decider.evolve(record, counted(upheld=True)).weight
    wrong = record_decider.evolve(record, counted(upheld=False)).weight
    assert 0 < wrong < record.weight < right < 1


@given(st.lists(st.booleans(), max_size=50))
def test_a_flag_that_waits_counts_as_one_that_was_not_right(past: list[bool]) -> None:
    record = record_decider.fold(counted(upheld=upheld) for upheld in past)
    wrong = record_decider.evolve(record, counted(upheld=False))
    assert record_decider.evolve(record, opened()).weight == wrong.weight
