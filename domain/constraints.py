"""What a value of a field may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters a text (or items a list) may have."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class OneLine:
    """Marks a text of one line: it neither begins nor ends with a space, and controls nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The least and the greatest that a number may be."""

    least: float
    most: float
