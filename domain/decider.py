"""The vocabulary that every context shares.

A decider is an aggregate as two pure functions: ``decide`` turns a command and a state into
events, ``evolve`` turns a state and an event into the next state (Jérémie Chassaing's pattern).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Generic, Protocol, TypeVar

from domain.actors import Actor, Role
from domain.times import DAY, EXACT

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


class Timed(Protocol):
    """A command: ``at`` is when it was given."""

    @property
    def at(self) -> datetime: ...


def whole_days(_: object) -> timedelta:
    """The grain of times that somebody may see."""
    return DAY


def exact_times(_: object) -> timedelta:
    """The grain of times that the operator alone sees."""
    return EXACT


T = TypeVar("T", bound=Timed)
T_co = TypeVar("T_co", bound=Timed, covariant=True)
F_co = TypeVar("F_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Informed(Generic[T_co, F_co]):
    """A command with the facts that the application has looked up for its decision.

    The command holds what somebody asks. The facts are what other aggregates and the settings say
    at that moment. A client never sends them.
    """

    command: T_co
    facts: F_co

    @property
    def at(self) -> datetime:
        """When the command was given."""
        return self.command.at


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingChanged:
    """A command led to no event. ``stream`` is the stream of the aggregate, at ``version``.

    This event is stored in a stream of its own, with the id of the command. A repeated command is
    therefore not decided again on a later state, where it could have an effect.
    """

    stream: str
    version: int


class DomainError(Exception):
    """The rules refuse a command. ``code`` is stable: it names the problem type over HTTP."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider(Generic[C, S, E]):
    """One kind of aggregate. Its streams are named ``<category>-<id>``.

    ``grain`` says how exact the times in its events are, by the state after them. ``stamps`` says
    how exact the stamp of a commit is, by its events: whole days where it names a member.
    """

    category: str
    initial: S
    decide: Callable[[C, S], list[E]]
    evolve: Callable[[S, E], S]
    grain: Callable[[S], timedelta] = whole_days
    stamps: Callable[[Sequence[Any]], timedelta] = exact_times

    def stream(self, aggregate_id: str) -> str:
        """Return the name of the stream that holds the events of one aggregate."""
        return f"{self.category}-{aggregate_id}"

    def fold(self, events: Iterable[E]) -> S:
        """Return the state that the events, oldest first, lead to."""
        return reduce(self.evolve, events, self.initial)


def with_publication(
    decide: Callable[[T, S], list[E]],
    evolve: Callable[[S, E], S],
    publication: Callable[[S, S, datetime], Sequence[E]],
) -> Callable[[T, S], list[E]]:
    """Extend ``decide`` by events that say what everybody can see from now on, or no longer.

    ``publication`` returns these events for the state before the command, the state after it, and
    the time of the command.
    """

    def decide_and_publish(command: T, state: S) -> list[E]:
        events = decide(command, state)
        return [*events, *publication(state, reduce(evolve, events, state), command.at)]

    return decide_and_publish


def must_be_system(by: Actor, otherwise: str) -> None:
    """Refuse an actor other than the system. ``otherwise`` is the message."""
    if not by.is_(Role.SYSTEM):
        raise DomainError("forbidden", otherwise)


def must_moderate(by: Actor) -> None:
    """Refuse an actor who is not a moderator. The system is not one."""
    if not by.moderates:
        raise DomainError("forbidden", "Only a moderator may do this.")
