"""A unit of work over a read model: load rows once, change them in memory, write them once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from application.engine.derived_ids import derived_id
from application.ports.read_models import Cursor, Equals, Find, Row, SideChanges, Table, Tables

D = TypeVar("D")
S = TypeVar("S")

Keys = Callable[[], Collection[str]]
Keyed = Callable[..., str]
"""Derives an id from texts."""

ROWS_A_READ = 1000


class TableRows(Protocol[D]):
    """The rows of one table, for a projection."""

    def get(self, key: str) -> D | None:
        """Return the row after the events so far, or None."""
        ...

    def load(self, keys: Collection[str]) -> None:
        """Read rows together that ``get`` would read one by one."""
        ...

    def put(self, key: str, document: D) -> None:
        """Insert or replace a row."""
        ...

    def change(self, key: str, change: Callable[[D], D]) -> None:
        """Replace a row by what ``change`` returns for it, if the row exists."""
        ...

    def delete(self, key: str) -> None: ...

    def keys_where(self, field: str, value: Any) -> list[str]:
        """Return the keys of the rows whose indexed field has the value."""
        ...

    def change_where(self, field: str, value: Any, change: Callable[[D], D]) -> None:
        """Replace each of these rows by what ``change`` makes of it."""
        ...

    def delete_where(self, field: str, value: Any) -> None: ...


class Rows(TableRows[D], Protocol[D]):
    """The documents and side tables of a read model, for a projection.

    ``version`` is the version of the stream at the projected event, and ``position`` the event's
    position in the log, which nobody may see.
    """

    version: int
    position: int

    def keyed(self, *parts: str) -> str:
        """Return an id of these parts with a key of the instance: the key of a row that tells what
        a member does. Without the key of the instance, it reveals nothing of the parts."""
        ...

    def table(self, row: type[S]) -> TableRows[S]:
        """Return the side table of this row type, which the query service declares in ``sides``."""
        ...


def in_log_order(rows: Rows[Any], at: datetime) -> str:
    """Return a text to order documents by: by the day, and within the day as in the log.

    Order only what has whole days by it. Between exact hours, its place would tell more.
    """
    return f"{at:%Y-%m-%d} {rows.position:020}"


class TableWork(Generic[D]):
    """The rows of one table that a batch of events touches."""

    def __init__(
        self, table: Table[D], value_of: Callable[[Any, str], Any], expected: Keys
    ) -> None:
        self._table = table
        self._expected_keys = expected
        self._value_of = value_of
        self._known: dict[str, D | None] = {}
        self.changes: dict[str, D | None] = {}
        self._changed: dict[str, dict[Any, set[str]]] = {}
        # The rows written since the mark, as they were: whether loaded, whether changed, and value.
        self._before: dict[str, tuple[bool, bool, D | None]] = {}

    def mark(self) -> None:
        """Remember the rows as they are now, for ``undo``."""
        self._before.clear()

    def undo(self) -> None:
        """Restore the rows to the last mark."""
        for key, (was_known, was_changed, document) in self._before.items():
            self._reindex(key, document if was_changed else None)
            del self._known[key], self.changes[key]
            if was_known:
                self._known[key] = document
            if was_changed:
                self.changes[key] = document
        self._before.clear()

    def get(self, key: str) -> D | None:
        if key not in self._known:
            # If it is one that the batch will probably read, load all of these.
            expected = self._expected_keys()
            self.load(expected if key in expected else (key,))
        return self._known[key]

    def load(self, keys: Collection[str]) -> None:
        wanted = [key for key in keys if key not in self._known]
        for start in range(0, len(wanted), ROWS_A_READ):
            part = wanted[start : start + ROWS_A_READ]
            found = self._table.get(part)
            self._known.update((key, found.get(key)) for key in part)

    def put(self, key: str, document: D) -> None:
        self._write(key, document)

    def change(self, key: str, change: Callable[[D], D]) -> None:
        document = self.get(key)
        if document is not None:
            self.put(key, change(document))

    def delete(self, key: str) -> None:
        if self.get(key) is not None:
            self._write(key, None)

    def keys_where(self, field: str, value: Any) -> list[str]:
        find = Find(where=(Equals(field, value),))
        found = self._table.find(find, limit=self._table.count(find) or 1)
        for row in found:
            self._known.setdefault(row.key, row.document)
        stored = {row.key for row in found if row.key not in self.changes}
        return sorted(stored | self._changed_by(field).get(value, set()))

    def change_where(self, field: str, value: Any, change: Callable[[D], D]) -> None:
        for key in self.keys_where(field, value):
            self.change(key, change)

    def delete_where(self, field: str, value: Any) -> None:
        for key in self.keys_where(field, value):
            self.delete(key)

    def _write(self, key: str, document: D | None) -> None:
        before = (key in self._known, key in self.changes, self._known.get(key))
        self._before.setdefault(key, before)
        self._reindex(key, document)
        self._known[key] = self.changes[key] = document

    def _reindex(self, key: str, document: D | None) -> None:
        for field, keys in self._changed.items():
            for value in self._values(self.changes.get(key), field):
                keys[value].discard(key)
            for value in self._values(document, field):
                keys.setdefault(value, set()).add(key)

    def _changed_by(self, field: str) -> dict[Any, set[str]]:
        """Return the keys of the changed rows by the field's value. Indexes them at first use."""
        if field not in self._changed:
            keys = self._changed[field] = {}
            for key, document in self.changes.items():
                for value in self._values(document, field):
                    keys.setdefault(value, set()).add(key)
        return self._changed[field]

    def _values(self, document: D | None, field: str) -> Iterable[Any]:
        """Return the values by which Equals finds the document: of a list, each item."""
        if document is None:
            return ()
        held = self._value_of(document, field)
        return held if isinstance(held, tuple | frozenset) else (held,)


class UnitOfWork(TableWork[D]):
    """The documents and the rows of side tables that a batch of events touches.

    ``expected`` returns the keys of the rows that the events will probably read.
    """

    def __init__(
        self,
        model: Tables[D],
        value_of: Callable[[Any, str], Any],
        expected: Keys = tuple,
        keyed: Keyed = derived_id,
    ) -> None:
        super().__init__(model, value_of, cache(expected))
        self.keyed = keyed
        self.version = self.position = 0
        self._model = model
        self._sides: dict[type, TableWork[Any]] = {}

    @property
    def side_changes(self) -> SideChanges:
        return {row: side.changes for row, side in self._sides.items() if side.changes}

    def table(self, row: type[S]) -> TableWork[S]:
        if row not in self._sides:
            self._sides[row] = TableWork(self._model.side(row), self._value_of, self._expected_keys)
        return self._sides[row]

    def mark(self) -> None:
        super().mark()
        for side in self._sides.values():
            side.mark()

    def undo(self) -> None:
        super().undo()
        for side in self._sides.values():
            side.undo()


class NoRows(Generic[D]):
    """Empty tables, for folding a stream from its first event."""

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:  # noqa: ARG002 - the table is empty
        return {}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:  # noqa: ARG002 - the table is empty
        return []

    def count(self, find: Find) -> int:  # noqa: ARG002 - the table is empty
        return 0

    def side(self, row: type[S]) -> "NoRows[S]":  # noqa: ARG002 - every table is empty
        return NoRows()
