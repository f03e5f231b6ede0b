"""Read models in this process, rebuilt from the logs at each start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge, nlargest, nsmallest
from itertools import chain, islice
from threading import RLock
from typing import Any, Generic, TypeVar

from sortedcontainers import SortedList

from adapters.read_models.cells import cells_in, cells_of
from adapters.read_models.indexing import (
    IndexedPoint,
    Scalar,
    boxes_of,
    check,
    extractor,
    scalar,
    side_of,
)
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.read_models import (
    NO_SIDES,
    Between,
    Build,
    Condition,
    Cursor,
    Equals,
    Find,
    InBox,
    Index,
    Near,
    OneOf,
    Row,
    Side,
    SideChanges,
    by,
)
from application.ports.rebuilds import NO_REBUILD, RebuildState
from domain.sphere import km_between

D = TypeVar("D")
S = TypeVar("S")
C = TypeVar("C")
V = TypeVar("V", bound=Hashable)

# Among N rows, a walk along the sort index passes limit * N / M of them until it has found enough
# of M. With so many times this number of candidates or fewer, sorting them is faster.
SORTED = 1.0

# (is not None, value, key), so that None sorts before every other value.
Entry = tuple[bool, Any, str]


@dataclass(frozen=True, slots=True)
class Extent:
    """The part of an ordered list that a query reads, without its ends."""

    low: Any
    high: Any
    descending: bool

    def of(self, entries: SortedList[Entry]) -> Iterator[Entry]:
        part: Iterator[Entry] = entries.irange(
            self.low, self.high, inclusive=(False, False), reverse=self.descending
        )
        return part


class MemoryReadModels:
    """Read models in one process. Threads can use them concurrently."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._models: dict[tuple[str, int], MemoryReadModel[Any]] = {}
        self._live: dict[str, int] = {}
        self._builds: dict[str, list[Build]] = {}
        self._rebuilds: dict[str, RebuildState] = {}

    def begin(self, name: str, fingerprint: str) -> Build:
        with self._lock:
            before = self._builds.setdefault(name, [])
            build = Build(len(before) + 1, fingerprint)
            before.append(build)
            return build

    def builds(self, name: str) -> list[Build]:
        with self._lock:
            return list(self._builds.get(name, []))

    def open(
        self,
        name: str,
        version: int,
        document: type[D],  # noqa: ARG002 - documents are kept as they are
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]] = (),
    ) -> MemoryReadModel[D]:
        with self._lock:
            model = self._models.get((name, version))
            if model is None:
                model = self._models[name, version] = MemoryReadModel(indexes, sides)
            model.revive()
            return model

    def live_version(self, name: str) -> int:
        return self._live.get(name, 0)

    def make_live(self, name: str, version: int) -> None:
        with self._lock:
            self._live[name] = max(version, self.live_version(name))

    def versions(self, name: str) -> list[int]:
        with self._lock:
            return sorted(
                version
                for (its_name, version), model in self._models.items()
                if its_name == name and model.exists
            )

    def rebuild(self, name: str) -> RebuildState:
        return self._rebuilds.get(name, NO_REBUILD)

    def save_rebuild(self, name: str, state: RebuildState, *, live: int = 0) -> None:
        with self._lock:
            if state.revision != self.rebuild(name).revision + 1:
                raise Fenced
            self._rebuilds[name] = state
            self._live[name] = live or self.live_version(name)

    def close(self) -> None:
        """Release nothing: there is nothing to release."""


class MemoryTable(Generic[D]):
    """Documents in a dict, with an ordered or inverted list for each index."""

    def __init__(self, indexes: Sequence[Index], lock: RLock) -> None:
        self._lock = lock
        self._indexes = {index.name: index for index in indexes}
        self._documents: dict[str, D] = {}
        self._lists: dict[str, _List[Any]] = {}
        self._orders: dict[str, _Values] = {}
        self._areas: dict[str, _Points] = {}
        self.clear()

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        with self._lock:
            return {key: self._documents[key] for key in keys if key in self._documents}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        check(find, self._indexes)
        with self._lock:
            try:
                keys = self._keys(find, limit, after)
            except TypeError as error:
                raise ValueError("values of different types have no order") from error
            return [Row(key, self._documents[key]) for key in keys]

    def count(self, find: Find) -> int:
        check(find, self._indexes)
        with self._lock:
            if not find.where:
                return len(self._documents)
            driver, rest = self._driver(find)
            return sum(self._holds(rest, key) for key in self._lists[driver.field].keys(driver))

    def prepared(self, changes: Mapping[str, D | None]) -> Callable[[], None]:
        """Return a function that writes the changes. Raises ValueError for an unsuitable row."""
        entries = {key: self._extracted(document) for key, document in changes.items()}

        def write() -> None:
            for key, document in changes.items():
                self._put(key, document, entries[key])

        return write

    def clear(self) -> None:
        """Delete all rows."""
        self._documents = {}
        self._lists = {name: _LISTS[index.kind](index) for name, index in self._indexes.items()}
        # Without a sort field, rows are sorted by key, as if the field were None in every row.
        self._lists[""] = _Values(by(""))
        lists = self._lists.items()
        self._orders = {name: each for name, each in lists if isinstance(each, _Values)}
        self._areas = {name: each for name, each in lists if isinstance(each, _Points)}

    def _extracted(self, document: D | None) -> dict[str, Any] | None:
        if document is None:
            return None
        return {name: its_list.extract(document) for name, its_list in self._lists.items()}

    def _put(self, key: str, document: D | None, entry: Mapping[str, Any] | None) -> None:
        for name, its_list in self._lists.items():
            its_list.put(key, entry and entry[name], present=entry is not None)
        if document is None:
            self._documents.pop(key, None)
        else:
            self._documents[key] = document

    def _keys(self, find: Find, limit: int, after: Cursor | None) -> list[str]:
        order, area = self._orders[find.order_by], self._area_in_order(find)
        end = None if after is None else _entry(scalar(after.value), after.key)
        if find.where:
            driver, rest = self._driver(find)
            its_list = self._lists[driver.field]
            few = its_list.estimate(driver) ** 2 <= SORTED * limit * len(self._documents)
            if few and driver is not area:
                found = (key for key in its_list.keys(driver) if self._holds(rest, key))
                return _first(map(order.entry, found), limit, end, find.descending)
        extent = _extent(find, end)
        walk = self._areas[area.field].walk(area, extent) if area else order.walk(extent)
        return list(islice((key for key in walk if self._holds(find.where, key)), limit))

    def _area_in_order(self, find: Find) -> InBox | Near | None:
        """Return a condition whose cells hold their rows in the order of the query."""
        areas = (one for one in find.where if isinstance(one, InBox | Near))
        return next((one for one in areas if self._indexes[one.field].order == find.order_by), None)

    def _driver(self, find: Find) -> tuple[Condition, list[Condition]]:
        """Return the condition that leaves the fewest candidates, and the other conditions."""
        driver = min(find.where, key=lambda one: self._lists[one.field].estimate(one))
        return driver, [one for one in find.where if one is not driver]

    def _holds(self, conditions: Collection[Condition], key: str) -> bool:
        return all(self._lists[one.field].holds(one, key) for one in conditions)


class MemoryReadModel(MemoryTable[D]):
    """The documents, and the side tables."""

    def __init__(self, indexes: Sequence[Index], sides: Sequence[Side[Any]]) -> None:
        super().__init__(indexes, RLock())
        self._checkpoint = START
        self._sides = {side.row: MemoryTable[Any](side.indexes, self._lock) for side in sides}
        self.exists = False

    def revive(self) -> None:
        """Make the model usable, also after it was dropped; then it is empty."""
        self.exists = True

    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    def side(self, row: type[S]) -> MemoryTable[S]:
        return side_of(self._sides, row)

    def commit(
        self,
        changes: Mapping[str, D | None],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None:
        with self._lock:
            if not self.exists or checkpoint.revision != self._checkpoint.revision + 1:
                raise Fenced
            writes = [self.side(row).prepared(rows) for row, rows in sides.items()]
            for write in (self.prepared(changes), *writes):
                write()
            self._checkpoint = checkpoint

    def drop(self) -> None:
        with self._lock:
            for table in (self, *self._sides.values()):
                table.clear()
            self._checkpoint = START
            self.exists = False


class _List(Generic[C]):
    """The values of one index in all documents."""

    def __init__(self, index: Index) -> None:
        self.extract = extractor(index)
        self.held: dict[str, Any] = {}

    def put(self, key: str, value: Any, *, present: bool) -> None:
        """Set the row's value, or remove it if the document is None."""
        if key in self.held:
            if present and self.held[key] == value:
                return
            self.remove(key, self.held.pop(key))
        if present:
            self.held[key] = value
            self.add(key, value)

    def add(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def remove(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def estimate(self, condition: C) -> int:
        """Return an upper bound of the number of rows that meet the condition."""
        raise NotImplementedError

    def keys(self, condition: C) -> Iterator[str]:
        """Return the rows that meet the condition."""
        raise NotImplementedError

    def holds(self, condition: C, key: str) -> bool:
        """Return whether the row meets the condition."""
        raise NotImplementedError


class _Values(_List[Equals | OneOf | Between]):
    """The value of each row, in order, and the rows of each value."""

    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self._entries: SortedList[Entry] = SortedList()
        self._keys = _KeysBy[Scalar]()

    def add(self, key: str, value: Scalar) -> None:
        self._entries.add(_entry(value, key))
        self._keys.add(value, key)

    def remove(self, key: str, value: Scalar) -> None:
        self._entries.remove(_entry(value, key))
        self._keys.remove(value, key)

    def entry(self, key: str) -> Entry:
        """Return the position of the row in the order."""
        return _entry(self.held[key], key)

    def walk(self, extent: Extent) -> Iterator[str]:
        """Yield keys in order."""
        return (key for _, _, key in extent.of(self._entries))

    def estimate(self, condition: Equals | OneOf | Between) -> int:
        if isinstance(condition, Between):
            start, stop = self._span(condition)
            return max(0, stop - start)
        return sum(len(self._keys.of(value)) for value in _sought(condition))

    def keys(self, condition: Equals | OneOf | Between) -> Iterator[str]:
        if isinstance(condition, Between):
            return (key for _, _, key in self._entries.islice(*self._span(condition)))
        return (key for value in _sought(condition) for key in self._keys.of(value))

    def holds(self, condition: Equals | OneOf | Between, key: str) -> bool:
        value = self.held[key]
        if isinstance(condition, Between):
            least, below = scalar(condition.least), scalar(condition.below)
            if value is None:
                return False
            return (least is None or value >= least) and (below is None or value < below)
        return value in _sought(condition)

    def _span(self, condition: Between) -> tuple[int, int]:
        start = self._entries.bisect_left(_bound(condition.least))
        if condition.below is None:
            return start, len(self._entries)
        return start, self._entries.bisect_left(_bound(condition.below))


def _sought(condition: Equals | OneOf) -> set[Scalar]:
    """Return the values that meet the condition."""
    values = (condition.value,) if isinstance(condition, Equals) else condition.values
    return {scalar(value) for value in values}


class _Sets(_List[Equals | OneOf]):
    """The values of each row, and the rows of each value."""

    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self._keys = _KeysBy[Scalar]()

    def add(self, key: str, value: Sequence[Scalar]) -> None:
        for item in value:
            self._keys.add(item, key)

    def remove(self, key: str, value: Sequence[Scalar]) -> None:
        for item in value:
            self._keys.remove(item, key)

    def estimate(self, condition: Equals | OneOf) -> int:
        return sum(len(keys) for keys in self._sets(condition))

    def keys(self, condition: Equals | OneOf) -> Iterator[str]:
        return iter(dict.fromkeys(chain.from_iterable(self._sets(condition))))

    def holds(self, condition: Equals | OneOf, key: str) -> bool:
        return any(key in keys for keys in self._sets(condition))

    def _sets(self, condition: Equals | OneOf) -> list[Collection[str]]:
        return [self._keys.of(value) for value in _sought(condition)]


class _Points(_List[InBox | Near]):
    """The point of each row or None, and the rows of each cell, in the order of the index."""

    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self._cells: dict[int, SortedList[Entry]] = {}
        point, order = self.extract, extractor(by(index.order)) if index.order else None
        self.extract = lambda document: (point(document), order(document) if order else None)

    def add(self, key: str, value: tuple[IndexedPoint | None, Scalar]) -> None:
        point, sorted_by = value
        for cell in cells_of(point) if point else ():
            self._cells.setdefault(cell, SortedList()).add(_entry(sorted_by, key))

    def remove(self, key: str, value: tuple[IndexedPoint | None, Scalar]) -> None:
        point, sorted_by = value
        for cell in cells_of(point) if point else ():
            self._cells[cell].remove(_entry(sorted_by, key))
            if not self._cells[cell]:
                del self._cells[cell]

    def walk(self, condition: InBox | Near, extent: Extent) -> Iterator[str]:
        """Yield the keys of all cells that the area touches, in order."""
        parts = [extent.of(entries) for entries in self._touched(condition)]
        return (key for _, _, key in merge(*parts, reverse=extent.descending))

    def estimate(self, condition: InBox | Near) -> int:
        return sum(map(len, self._touched(condition)))

    def keys(self, condition: InBox | Near) -> Iterator[str]:
        found = (key for entries in self._touched(condition) for _, _, key in entries)
        return (key for key in found if self.holds(condition, key))

    def holds(self, condition: InBox | Near, key: str) -> bool:
        point, _ = self.held[key]
        if point is None:
            return False
        if isinstance(condition, InBox):
            return _in_box(condition, point)
        return km_between(condition, point) <= condition.km

    def _touched(self, condition: InBox | Near) -> Iterator[SortedList[Entry]]:
        touched = cells_in(boxes_of(condition))
        return (self._cells[cell] for cell in touched if cell in self._cells)


class _KeysBy(Generic[V]):
    """The keys of the rows that contain each value."""

    def __init__(self) -> None:
        self._keys: dict[V, set[str]] = {}

    def of(self, value: V) -> Collection[str]:
        return self._keys.get(value, frozenset())

    def add(self, value: V, key: str) -> None:
        self._keys.setdefault(value, set()).add(key)

    def remove(self, value: V, key: str) -> None:
        keys = self._keys[value]
        keys.discard(key)
        if not keys:
            del self._keys[value]


_LISTS: Mapping[str, Callable[[Index], _List[Any]]] = {
    "value": _Values,
    "many": _Sets,
    "point": _Points,
}


def _entry(value: Scalar, key: str) -> Entry:
    return (value is not None, 0 if value is None else value, key)


def _extent(find: Find, after: Entry | None) -> Extent:
    """Return what comes after an entry and meets the conditions on the value of the order."""
    bounds = [one for one in find.where if isinstance(one, Between) and one.field == find.order_by]
    lows = [_bound(one.least) for one in bounds if one.least is not None]
    highs = [_bound(one.below) for one in bounds if one.below is not None]
    if after is not None:
        (highs if find.descending else lows).append(after)
    return Extent(max(lows, default=None), min(highs, default=None), find.descending)


def _bound(value: Any) -> Any:
    """Return where the rows with values begin; before it are the rows with None."""
    return (True,) if value is None else (True, scalar(value))


def _first(
    entries: Iterator[Entry], limit: int, after: Entry | None, descending: bool
) -> list[str]:
    """Return the keys of the first entries after one, in order."""
    if descending:
        left = (entry for entry in entries if after is None or entry < after)
        return [key for _, _, key in nlargest(limit, left)]
    right = (entry for entry in entries if after is None or entry > after)
    return [key for _, _, key in nsmallest(limit, right)]


def _in_box(box: InBox, point: IndexedPoint) -> bool:
    if not box.south <= point.lat <= box.north:
        return False
    if box.west <= box.east:
        return box.west <= point.lon <= box.east
    return point.lon >= box.west or point.lon <= box.east
