"""Translate queries on a read model into SQL, and choose the index that leads.

Few candidates are found by one index and then sorted. Each cell of an area holds its rows in one
order: a query in this order merges the cells, and stops after a page. Where every condition leaves
many, the index of the order leads, and rows that do not meet the conditions are passed over. SQLite
would choose by statistics that grow old, so the choice is made here, by counting a limited number
of candidates; a plus sign before a column keeps SQLite from using its index.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import pi, sin
from typing import Any

from adapters.read_models.cells import cells_in
from adapters.read_models.indexing import IndexedPoint, boxes_of, scalar
from adapters.read_models.sqlite_tables import SqlTable, on_sphere, stored
from application.ports.read_models import (
    Between,
    Condition,
    Cursor,
    Equals,
    Find,
    HasWords,
    InBox,
    Near,
    OneOf,
)
from domain.sphere import EARTH_KM

FEW = 1000
"""Up to this many candidates are sorted."""

Counts = Callable[[str, Sequence[Any]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Sql:
    """A part of a statement, and the values of its parameters."""

    text: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """A condition: as it leads to rows by an index, and as it checks a row without one.

    ``candidates`` finds the rows that may meet it. ``column`` is the one whose index leads. If it
    is ``equal`` to one value, the rows come in the order of their keys. An ``area`` in the order of
    the query is merged from its cells; there, ``ordered`` checks the column of the order.
    """

    leading: Sql
    checking: Sql
    candidates: Sql
    column: str = ""
    equal: bool = False
    area: "CellRows | None" = None
    ordered: Sql | None = None


@dataclass(frozen=True, slots=True)
class CellRows:
    """The cells of an area: their table, their numbers, and what a row of them has to meet."""

    table: str
    cells: Sequence[int]
    inside: Sql


class TableQuery:
    """A query on one table. ``counts`` runs a statement that returns one row of numbers."""

    def __init__(self, table: SqlTable, find: Find, counts: Counts) -> None:
        self._table = table
        self._find = find
        self._order = table.column(find.order_by) if find.order_by else ""
        self._terms = [term for condition in find.where for term in self._terms_of(condition)]
        self._leader = self._choose_leader(counts)

    def rows(self, limit: int, after: Cursor | None) -> Sql:
        """Return the statement for the first rows after the cursor: key, body, and more."""
        if self._leader and self._leader.area:
            return self._merged(self._leader.area, limit, after)
        plus = "+" if self._sorts() else ""
        order = [f"{plus}{column}" for column in self._ordered]
        parts = [*self._conditions(), *self._after(after, order)]
        rows = f"SELECT key, body FROM {self._table.quoted}{_where(parts)}"  # noqa: S608 - names are quoted
        return self._page([Sql(rows, _values(parts))], order, limit)

    def _merged(self, area: CellRows, limit: int, after: Cursor | None) -> Sql:
        """Merge the rows of the cells. SQLite reads on in a cell only when its row was taken."""
        order = ["sorted", "named"] if self._order else ["named"]
        others = [term.ordered or term.checking for term in self._terms if term is not self._leader]
        parts = [area.inside, *others, *self._after(after, order)]
        rows = (
            f"SELECT key, body, {', '.join(order)} FROM {area.table}"  # noqa: S608 - names are quoted
            f" CROSS JOIN {self._table.quoted} ON id = row{_where([Sql('cell = ?'), *parts])}"
        )
        return self._page([Sql(rows, (cell, *_values(parts))) for cell in area.cells], order, limit)

    def _page(self, rows: Sequence[Sql], order: Sequence[str], limit: int) -> Sql:
        way = "DESC" if self._find.descending else "ASC"
        text = " UNION ALL ".join(each.text for each in rows)
        by = ", ".join(f"{column} {way}" for column in order)
        return Sql(f"{text} ORDER BY {by} LIMIT ?", (*_values(rows), limit))

    def count(self) -> Sql:
        """Return the statement that counts the rows."""
        parts = self._conditions()
        return Sql(f"SELECT count(*) FROM {self._table.quoted}{_where(parts)}", _values(parts))  # noqa: S608 - names are quoted

    def _sorts(self) -> bool:
        """Return whether candidates are sorted: then SQLite must not use the index of the order."""
        leader = self._leader
        if leader is None:
            return False
        return leader.column != self._order if self._order else not leader.equal

    @property
    def _ordered(self) -> list[str]:
        return [self._order, "key"] if self._order else ["key"]

    def _conditions(self) -> list[Sql]:
        leader = self._leader
        on_order = leader is None or leader.column == self._order
        return [
            term.leading
            if term is leader or (on_order and term.column == self._order != "")
            else term.checking
            for term in self._terms
        ]

    def _after(self, cursor: Cursor | None, order: Sequence[str]) -> list[Sql]:
        if cursor is None:
            return []
        sign = "<" if self._find.descending else ">"
        value = stored(scalar(cursor.value))
        values = (value, cursor.key) if self._order else (cursor.key,)
        return [Sql(f"({', '.join(order)}) {sign} ({', '.join('?' * len(values))})", values)]

    def _choose_leader(self, counts: Counts) -> Term | None:
        """Return the condition with the fewest candidates, or an area whose cells are in the order,
        or None to walk along the index of the order."""
        if not self._terms:
            return None
        if len(self._terms) == 1 and (self._terms[0].area or not self._order):
            return self._terms[0]
        limited = [
            f"(SELECT count(*) FROM ({term.candidates.text} LIMIT {FEW + 1}))"  # noqa: S608 - names are quoted
            for term in self._terms
        ]
        found = counts(f"SELECT {', '.join(limited)}", _values([t.candidates for t in self._terms]))
        fewest = min(range(len(found)), key=found.__getitem__)
        if found[fewest] <= FEW:
            return self._terms[fewest]
        return next((term for term in self._terms if term.area), None)

    def _terms_of(self, condition: Condition) -> Iterator[Term]:
        index = self._table.indexes[condition.field]
        match condition:
            case HasWords():
                raise ValueError("only a search index can search in texts")
            case Equals(field=field, value=value) if index.kind == "many":
                yield self._items(field, (value,))
            case OneOf(field=field, values=values) if index.kind == "many":
                yield self._items(field, values)
            case Equals(field=field, value=value):
                yield replace(self._value(field, "{} = ?", (value,)), equal=True)
            case OneOf(field=field, values=values):
                yield self._value(field, f"{{}} IN ({', '.join('?' * len(values))})", values)
            case Between():
                yield self._between(condition)
            case InBox() | Near():
                yield self._in_area(condition)

    def _value(self, field: str, text: str, values: Sequence[Any]) -> Term:
        held = tuple(self._table.held(field, scalar(each)) for each in values)
        return self._on_column(self._table.column(field), text, held)

    def _between(self, condition: Between) -> Term:
        column = self._table.column(condition.field)
        least, below = scalar(condition.least), scalar(condition.below)
        text, values = "{0} > ?", [stored(None)]
        if least is not None:
            text, values = "{0} >= ?", [stored(least)]
        if below is not None:
            text, values = f"{text} AND {{0}} < ?", [*values, stored(below)]
        return self._on_column(column, text, tuple(values))

    def _on_column(self, column: str, text: str, values: tuple[Any, ...]) -> Term:
        leading, checking = text.format(column), text.format(f"+{column}")
        candidates = f"SELECT id FROM {self._table.quoted} WHERE {leading}"  # noqa: S608 - names are quoted
        on_cells = Sql(text.format("sorted"), values) if column == self._order else None
        return Term(
            Sql(leading, values),
            Sql(checking, values),
            Sql(candidates, values),
            column,
            ordered=on_cells,
        )

    def _items(self, field: str, values: Sequence[Any]) -> Term:
        items = tuple(self._table.number(field, scalar(value)) for value in values)
        table, sought = self._table.items(field), f"item IN ({', '.join('?' * len(items))})"
        candidates = f"SELECT id FROM {table} WHERE {sought}"  # noqa: S608 - names are quoted
        checking = (
            f"EXISTS (SELECT 1 FROM {table} AS i WHERE {sought} AND i.id = {self._table.quoted}.id)"  # noqa: S608 - names are quoted
        )
        return Term(
            Sql(f"id IN ({candidates})", items), Sql(checking, items), Sql(candidates, items)
        )

    def _in_area(self, area: InBox | Near) -> Term:
        boxes = boxes_of(area)
        cells, table = cells_in(boxes), self._table.cells(area.field)
        inside, within = _inside("lat", "lon", boxes), self._within(area)
        touched = Sql(f"cell IN ({', '.join('?' * len(cells))})", tuple(cells))
        found = _where([touched, inside])
        candidates = Sql(f"SELECT row FROM {table}{found}", _values([touched, inside]))  # noqa: S608 - names are quoted
        lat, lon = (self._table.column(area.field, part) for part in ("lat", "lon"))
        checking = _all([_inside(lat, lon, boxes), *within])
        leading = _all([Sql(f"id IN ({candidates.text})", candidates.values), *within])
        in_order = self._table.indexes[area.field].order == self._find.order_by
        merged = CellRows(table, cells, _all([inside, *within])) if in_order else None
        return Term(leading, checking, candidates, area=merged)

    def _within(self, area: InBox | Near) -> list[Sql]:
        """Return what a point in the boxes has to meet as well: the length of the chord."""
        if isinstance(area, InBox) or area.km / EARTH_KM >= pi:
            return []
        columns = [self._table.column(area.field, part) for part in ("x", "y", "z")]
        chord = " + ".join(f"({column} - ?) * ({column} - ?)" for column in columns)
        centre = on_sphere(IndexedPoint(lat=area.lat, lon=area.lon))
        twice = tuple(each for part in centre for each in (part, part))
        return [Sql(f"({chord} <= ?)", (*twice, (2 * sin(area.km / EARTH_KM / 2)) ** 2))]


def _inside(lat: str, lon: str, boxes: Sequence[InBox]) -> Sql:
    """Return the check whether the point in these columns lies in one of the boxes."""
    inside = " OR ".join([f"{lat} BETWEEN ? AND ? AND {lon} BETWEEN ? AND ?"] * len(boxes))
    edges = tuple(edge for box in boxes for edge in (box.south, box.north, box.west, box.east))
    return Sql(f"({inside})", edges)


def _all(parts: Sequence[Sql]) -> Sql:
    return Sql(" AND ".join(part.text for part in parts), _values(parts))


def _where(parts: Sequence[Sql]) -> str:
    return f" WHERE {' AND '.join(f'({part.text})' for part in parts)}" if parts else ""


def _values(parts: Sequence[Sql]) -> tuple[Any, ...]:
    return tuple(value for part in parts for value in part.values)
