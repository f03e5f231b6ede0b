"""Constraints on the value of a field."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Length:
    """The smallest and the greatest number of characters in a text, or of items in a list."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class OneLine:
    """Marks a text of one line, without control characters and without spaces at its ends."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The smallest and the greatest value of a number."""

    least: float
    most: float
