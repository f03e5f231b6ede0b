"""Variations of a command with facts."""

from dataclasses import replace
from typing import Any, TypeVar

from domain.decider import Informed, Timed

A = TypeVar("A", bound=Timed)
F = TypeVar("F")


def asking(informed: Informed[A, F], **changes: Any) -> Informed[A, F]:
    """The same, where somebody asks something else."""
    return replace(informed, command=_changed(informed.command, changes))


def knowing(informed: Informed[A, F], **changes: Any) -> Informed[A, F]:
    """The same, where the facts are others."""
    return replace(informed, facts=_changed(informed.facts, changes))


def _changed(value: Any, changes: dict[str, Any]) -> Any:
    return replace(value, **changes)
