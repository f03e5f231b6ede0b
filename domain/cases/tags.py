"""The tags of a case with their numbers, by which events name them: their texts are sealed."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedTag:
    number: int
    tag: str


def numbered(tags: Iterable[str]) -> tuple[NumberedTag, ...]:
    """The tags of a report with their numbers."""
    return tuple(NumberedTag(number=number, tag=tag) for number, tag in enumerate(tags))


def without(tags: Iterable[NumberedTag], *numbers: int) -> tuple[NumberedTag, ...]:
    """The tags but for those with these numbers."""
    return tuple(each for each in tags if each.number not in numbers)
