"""The rules of a member's record as one who flags."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from domain.ids import SYSTEM, Actor, MemberId, Role
from domain.moderation.record import CountFlag, FlagCounted, Record, record_decider
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
MODERATOR = Actor(member_id=MemberId("mo"), roles=frozenset({Role.MODERATOR}))
COUNT = CountFlag(record_id="r1", upheld=True, by=SYSTEM, at=AT)


def counted(*, upheld: bool) -> FlagCounted:
    return FlagCounted(record_id="r1", upheld=upheld, at=AT)


def test_each_settled_flag_is_counted() -> None:
    for upheld in (True, False):
        command = replace(COUNT, upheld=upheld)
        assert record_decider.decide(command, Record()) == [counted(upheld=upheld)]


def test_only_the_system_counts() -> None:
    with refused("forbidden"):
        record_decider.decide(replace(COUNT, by=MODERATOR), Record())


def test_a_stranger_is_believed_one_time_in_four() -> None:
    assert Record().weight == 0.25


@given(st.lists(st.booleans(), max_size=50))
def test_who_was_right_is_believed_more_and_who_was_not_less(past: list[bool]) -> None:
    record = record_decider.fold(counted(upheld=upheld) for upheld in past)
    assert (record.upheld, record.settled) == (sum(past), len(past))
    right = record_decider.evolve(record, counted(upheld=True)).weight
    wrong = record_decider.evolve(record, counted(upheld=False)).weight
    assert 0 < wrong < record.weight < right < 1
