"""Compare two builds of a read model at the same positions, row by row.

The events of an erased person cannot be projected again, so the live model may have rows more: a
notification of their comment, or which case it was about. A row that only the live model has, and
that names an id of such an event, is counted apart, as left by an erasure.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from application.engine.declared_events import is_decoded
from application.engine.query_service import Audience, QueryService
from application.engine.rows import Keyed
from application.engine.subscription import COMMITS_A_READ
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from application.ports.read_models import (
    Cursor,
    Find,
    ReadModel,
    Row,
    Table,
    UnreadableDocument,
)
from application.ports.rebuilds import Difference, Kind

ROWS_A_STEP = 500
"""How many rows are compared while no event is handled."""
MOST_NAMED = 100
"""How many differences are named; all are counted."""
DIGEST = 13
"""How many characters of the digest of a key are shown."""
BY_KEY = Find(descending=False)

Rows = Mapping[str, Any]
Builds = tuple[ReadModel[Any], ReadModel[Any]]
"""The live one and the rebuilt one."""


class _Unreadable:
    """Stands for a row that this program cannot read."""


UNREADABLE = _Unreadable()


@dataclass(slots=True)
class Findings:
    """How many rows were compared, how many differ, and which ones are the first of these."""

    compared: int = 0
    different: int = 0
    left_by_erasures: int = 0
    named: list[Difference] = field(default_factory=list)

    def add(self, step: "ComparedRows") -> None:
        self.compared += step.compared
        self.left_by_erasures += step.left
        for difference in step.found:
            self.different += 1
            if len(self.named) < MOST_NAMED:
                self.named.append(difference)


class Parity:
    """Compares the live build with a rebuilt one.

    If rows differ, it compares them once more when it knows what erasures may have left.
    """

    def __init__(
        self,
        service: QueryService[Any],
        builds: Builds,
        history: History,
        codec: EventCodec,
        keyed: Keyed,
    ) -> None:
        self._service = service
        self._builds = builds
        self._keyed = keyed
        self._comparison = Comparison(service, *builds, keyed)
        self._history, self._codec = history, codec
        self._erased: ErasedEvents | None = None

    @property
    def findings(self) -> Findings:
        return self._comparison.findings

    def prepare(self) -> bool:
        """Do what is to be done before the next step. Returns whether there is more of it."""
        if self._erased is None or self._erased.is_complete:
            return False
        self._erased.step()
        self._comparison = Comparison(self._service, *self._builds, self._keyed, self._erased.ids)
        return True

    def step(self) -> "ComparedRows":
        """Compare the next rows. The step counts once it is taken with ``take``."""
        return self._comparison.step()

    def take(self, step: "ComparedRows") -> bool:
        """Count what the step found. Returns whether there is more to compare."""
        more = self._comparison.take(step)
        if more or self._erased or not self.findings.different:
            return more
        self._erased = ErasedEvents(self._service, self._history, self._codec)
        return True


class Comparison:
    """Compares the live build with a rebuilt one in the order of the keys, some rows at a time.

    ``erased`` are the ids that events of erased persons name.
    """

    def __init__(
        self,
        service: QueryService[Any],
        live: ReadModel[Any],
        rebuilt: ReadModel[Any],
        keyed: Keyed,
        erased: Collection[str] = (),
    ) -> None:
        self.findings = Findings()
        self._service = service
        self._keyed = keyed
        self._erased = frozenset(erased)
        self._tables = [("", live, rebuilt)] + [
            (side.name, live.side(side.row), rebuilt.side(side.row)) for side in service.sides
        ]
        self._after: Cursor | None = None

    def step(self) -> "ComparedRows":
        """Compare the next rows, without counting them."""
        name, live, rebuilt = self._tables[0]
        made = _page(rebuilt, self._after)
        there, unreadable = _live_page(live, made, self._after)
        end = _end(made, () if unreadable else there)
        ours, theirs = _upto(end, there), _upto(end, made)
        keys = sorted(ours.keys() | theirs.keys())
        different = [key for key in keys if ours.get(key) != theirs.get(key)]
        left = {key for key in different if key not in theirs and self._is_left(key, ours[key])}
        found = [
            self._difference(name, key, ours.get(key), theirs.get(key))
            for key in different
            if key not in left
        ]
        return ComparedRows(len(keys), found, len(left), end)

    def take(self, step: "ComparedRows") -> bool:
        """Count what the step found. Returns whether there is more to compare."""
        self.findings.add(step)
        self._after = Cursor(None, step.end) if step.end else None
        if self._after is None:
            del self._tables[0]
        return bool(self._tables)

    def _is_left(self, key: str, row: Any) -> bool:
        """Return whether a row that only the live model has names an id of an erased event."""
        return bool(self._erased) and not self._erased.isdisjoint(texts_in((key, row)))

    def _difference(self, table: str, key: str, there: Any, made: Any) -> Difference:
        kind, names = _kind(there, made)
        return Difference(table=table, key=self._masked(table, key), kind=kind, fields=names)

    def _masked(self, table: str, key: str) -> str:
        """Return the key, or a keyed digest of it unless everybody may see the documents."""
        if not table and self._service.audience is Audience.EVERYBODY:
            return key
        return f"#{self._keyed('difference', table, key)[:DIGEST]}"


@dataclass(frozen=True, slots=True)
class ComparedRows:
    """What was found among some rows, and the key of their last one if others follow."""

    compared: int
    found: Sequence[Difference]
    left: int
    end: str


class ErasedEvents:
    """Collects the ids in events of erased persons, some events at a time."""

    def __init__(self, service: QueryService[Any], history: History, codec: EventCodec) -> None:
        self.ids: set[str] = set()
        self._service = service
        self._history = history
        self._codec = codec
        self._left = [(topic, 0) for topic in service.topics]

    @property
    def is_complete(self) -> bool:
        return not self._left

    def step(self) -> None:
        """Look at the next events."""
        topic, after = self._left[0]
        events = self._history.read(topic, after, COMMITS_A_READ)
        for event in events:
            if self._is_erased(event):
                found = QueryService.keys(self._service, self._codec.decode(event))
                self.ids.update(texts_in((event.stream, *found)))
        self._left[:1] = [(topic, events[-1].position)] if events else []

    def _is_erased(self, event: RecordedEvent) -> bool:
        handled = is_decoded(event.type, self._service.handles, self._codec)
        return handled and self._codec.decode_unless_erased(event) is None


def _kind(there: Any, made: Any) -> tuple[Kind, tuple[str, ...]]:
    """Return how the live document differs from the rebuilt one, and in which fields."""
    if there is UNREADABLE:
        return Kind.UNREADABLE, ()
    if there is None:
        return Kind.MISSING, ()
    if made is None:
        return Kind.ADDED, ()
    names = [each.name for each in fields(made)]
    changed = (name for name in names if getattr(there, name) != getattr(made, name))
    return Kind.CHANGED, tuple(changed)


def texts_in(value: Any) -> Iterator[str]:
    """Yield the texts in a value, also those in its fields and items, but no enumerated ones."""
    if isinstance(value, str):
        if value and not isinstance(value, Enum):
            yield value
    elif is_dataclass(value) and not isinstance(value, type):
        yield from texts_in(tuple(getattr(value, each.name) for each in fields(value)))
    elif isinstance(value, Mapping):
        yield from texts_in((*value, *value.values()))
    elif isinstance(value, tuple | list | frozenset):
        for each in value:
            yield from texts_in(each)


def _page(table: Table[Any], after: Cursor | None) -> list[Row[Any]]:
    return table.find(BY_KEY, limit=ROWS_A_STEP, after=after)


def _live_page(
    table: Table[Any], made: Sequence[Row[Any]], after: Cursor | None
) -> tuple[list[Row[Any]], bool]:
    """Return the next rows, and whether one is unreadable.

    If so, these are the rows with the keys of the rebuilt ones: rows that were added are not found.
    """
    try:
        return _page(table, after), False
    except UnreadableDocument:
        found = ((row.key, _read(table, row.key)) for row in made)
        return [Row(key, document) for key, document in found if document is not None], True


def _read(table: Table[Any], key: str) -> Any:
    try:
        return table.get([key]).get(key)
    except UnreadableDocument:
        return UNREADABLE


def _end(*pages: Sequence[Row[Any]]) -> str:
    """Return the last key up to which all pages are known, or an empty one if they are complete."""
    return min((page[-1].key for page in pages if len(page) == ROWS_A_STEP), default="")


def _upto(end: str, page: Sequence[Row[Any]]) -> Rows:
    return {row.key: row.document for row in page if not end or row.key <= end}
