"""Find a member's aliases among those that a read model holds, by trying each of them once."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from threading import Lock
from typing import Any

from application.engine.query_service import Alias, Viewer
from application.ports.read_models import Between, Cursor, Find, ReadModel

ROWS_A_READ = 1000
MEMBERS = 1000
OVERLAP = timedelta(days=2)
"""A row that is added later may be older: times are rounded down to days, and clocks differ."""
BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
"""Rows before it do not tell their time. They may be added at any time, and are read each time."""

Known = tuple[datetime, frozenset[str]]


class OwnAliases:
    """Remembers the aliases of the members who asked last, and up to when it has looked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[str, Known] = OrderedDict()

    def add_to(self, viewer: Viewer, model: ReadModel[Any]) -> Viewer:
        """Return the viewer with their aliases in the model."""
        if not viewer.member_id:
            return viewer
        with self._lock:
            last, known = self._known.get(viewer.member_id, (BEGINNING, frozenset()))
        untold = _rows(model, Between("since", below=BEGINNING))
        for row in chain(untold, _rows(model, Between("since", least=last - OVERLAP))):
            last = max(last, row.since)
            known |= {row.alias} if viewer.is_member(row.alias) else set()
        self._remember(viewer.member_id, (last, known))
        return replace(viewer, aliases=tuple(sorted(known)))

    def _remember(self, member_id: str, known: Known) -> None:
        with self._lock:
            self._known[member_id] = known
            self._known.move_to_end(member_id)
            if len(self._known) > MEMBERS:
                self._known.popitem(last=False)


def _rows(model: ReadModel[Any], since: Between) -> Iterator[Alias]:
    """Yield the aliases of that time, the oldest first."""
    table, after = model.side(Alias), None
    find = Find(where=(since,), order_by="since", descending=False)
    while rows := table.find(find, limit=ROWS_A_READ, after=after):
        yield from (row.document for row in rows)
        after = Cursor(rows[-1].document.since, rows[-1].key)
