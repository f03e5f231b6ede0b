"""Tell members who have no account any more how far their erasure has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from application.engine.executor import Receipt
from application.ports.checkpoints import Checkpoints
from application.ports.clock import Clock
from application.ports.history import History
from application.ports.opaque_texts import NotWrittenHere, OpaqueTexts
from domain.catalog import ERASURE
from domain.decider import DomainError
from domain.members.member import Member

PURPOSE = "receipt of an erasure"
RECEIPT_LIFE = timedelta(days=30)

REMAINS = (
    "Anonymous cases that you chose to have erased later: they go one by one within two weeks.",
    "The chained log keeps the events with texts and names encrypted under keys that are "
    "destroyed: removing them would break the proofs of others.",
    "Your supports, follows, shares, flags and appeals, and what was decided, still count. They "
    "name nobody.",
    "Your cases, comments and evidence answer 410, and a comment keeps its place in its thread.",
    "What you said about others in their cases is erased; what others said about you is theirs.",
    "Entries of unfinished uploads stay empty for up to seven days.",
    "Copies that others made of what was public are out of reach.",
)


class ErasureState(StrEnum):
    DONE = "done"
    UNDER_WAY = "under_way"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStep:
    """What one context, or the last chore, has still to do. ``delayed``: the operator is told."""

    name: str
    state: ErasureState


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureProgress:
    """How far an erasure has come, and what remains, with the reason."""

    done: bool
    steps: tuple[ErasureStep, ...]
    remains: tuple[str, ...] = REMAINS
    expires_on: date


class ErasureReceipts:
    """Writes receipts of erasures. Nothing of them is stored: a receipt is the position of the
    erasure in the log and a day, encrypted for this instance. It names nobody.

    ``steps`` are the names of steps, with the subscribers that take each.
    """

    def __init__(
        self,
        history: History,
        checkpoints: Checkpoints,
        texts: OpaqueTexts,
        clock: Clock,
        steps: Mapping[str, frozenset[str]],
    ) -> None:
        self._history = history
        self._checkpoints = checkpoints
        self._texts = texts
        self._clock = clock
        self._steps = steps

    def of(self, erased: Receipt[Member]) -> str:
        """Return a text for URLs, with which anybody may ask for the progress."""
        position = self._history.position_of(erased.log, erased.stream, erased.version)
        expires_on = (self._clock() + RECEIPT_LIFE).date()
        return self._texts.write(f"{position} {expires_on}".encode(), PURPOSE)

    def progress(self, text: str) -> ErasureProgress:
        """Return how far the erasure has come. Raises DomainError if there is no such receipt."""
        position, expires_on = self._read(text)
        steps = tuple(
            ErasureStep(name=name, state=self._state(subscribers, position))
            for name, subscribers in self._steps.items()
        )
        done = all(step.state is ErasureState.DONE for step in steps)
        return ErasureProgress(done=done, steps=steps, expires_on=expires_on)

    def _read(self, text: str) -> tuple[int, date]:
        """Return the position of the erasure, and the last day of the receipt."""
        try:
            position, day = self._texts.read(text, PURPOSE).decode().split()
        except NotWrittenHere as error:
            raise _no_receipt() from error
        if (expires_on := date.fromisoformat(day)) < self._clock().date():
            raise _no_receipt()
        return int(position), expires_on

    def _state(self, subscribers: frozenset[str], position: int) -> ErasureState:
        found = [self._checkpoints.load(name) for name in subscribers]
        if any(each.at(ERASURE.log) < position for each in found):
            return ErasureState.UNDER_WAY
        parked = self._event_id(position) in {key for each in found for key in each.parked}
        return ErasureState.DELAYED if parked else ErasureState.DONE

    def _event_id(self, position: int) -> str:
        return next(event.id for event in self._history.read(ERASURE.log, position - 1, 1))


def _no_receipt() -> DomainError:
    return DomainError("not-found", "There is no such receipt; it may have expired.")
