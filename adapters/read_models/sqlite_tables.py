"""The tables of one kind of row in SQLite, and how a document becomes a row of them.

A table has a row for each document: its number, its key, the values of the indexes, and the sealed
document. Each "many" index has a table of items, and each "point" index a table of cells; triggers
keep both up to date.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from json import dumps
from math import cos, inf, radians, sin
from sqlite3 import Connection
from typing import Any

from adapters.read_models.cells import cells_of
from adapters.read_models.indexing import Getter, IndexedPoint, Scalar, extractor
from adapters.read_models.sqlite_seal import Seal
from application.ports.read_models import Index

Values = tuple[Any, ...]

NONE = -inf
"""Stored for None: it is less than every other value, and equal to itself."""

LARGEST = 2**63
PARTS = ("lat", "lon", "x", "y", "z", "cells")
"""The columns of a point."""


def stored(value: Scalar) -> Any:
    """Return the value as a column holds it. Raises ValueError for too large a number."""
    if value is None:
        return NONE
    if type(value) is int and not -LARGEST <= value < LARGEST:
        raise ValueError("a number must fit into 64 bits")
    return value


def on_sphere(point: IndexedPoint) -> tuple[float, float, float]:
    """Return the point on a sphere with the radius 1."""
    lat, lon = radians(point.lat), radians(point.lon)
    return cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)


COLUMNS_OF = "SELECT name FROM pragma_table_info(?)"


class SqlTable:
    """The names and columns of one table, and the statements that make, fill and drop it."""

    def __init__(self, name: str, indexes: Sequence[Index], seal: Seal) -> None:
        self.name = name
        self.indexes = {index.name: index for index in indexes}
        self.quoted = quoted(name)
        self._getters = [(index, extractor(index)) for index in indexes]
        self._seal = seal
        self._names = [name for index in indexes for name in _names(index)]
        self.columns = [quoted(name) for name in self._names]

    def column(self, index: str, part: str = "") -> str:
        """Return the column with the value of an index, or a part of it."""
        return quoted(_name(index, part))

    def number(self, index: str, value: Scalar) -> int:
        """Return the keyed number that stands for a value that is sought for equality alone."""
        return self._seal.value(value, f"{self.name}/{index}")

    def held(self, index: str, value: Scalar) -> Any:
        """Return a value as the column of its index holds it: a number for a text, unless rows are
        sorted by it. Raises ValueError for too large a number."""
        if isinstance(value, str) and not self.indexes[index].ordered:
            return self.number(index, value)
        return stored(value)

    def items(self, index: str) -> str:
        """Return the table of items of a "many" index."""
        return quoted(f"{self.name}/{index}")

    def cells(self, index: str) -> str:
        """Return the table of cells of a "point" index."""
        return quoted(f"{self.name}@{index}")

    def make(self, connection: Connection) -> None:
        """Make what is missing. A table that lacks columns is replaced: it is empty."""
        there = {name for (name,) in connection.execute(COLUMNS_OF, (self.name,))}
        if there and not self.is_made(there):
            drop_tables(connection, self.name)
        for statement in self._statements():
            connection.execute(statement)

    def is_made(self, columns: Collection[str]) -> bool:
        """Return whether a table with these columns exists and needs no others."""
        return {"body", *self._names} <= set(columns)

    def row(self, key: str, document: Any, body: bytes) -> Values:
        """Return the values of all columns. Raises ValueError for a row that cannot be stored."""
        held = [value for index, get in self._getters for value in self._held(index, get, document)]
        sealed = self._seal.close(body, f"{self.name} {key}")
        return (self._seal.number(key), key, *held, sealed)

    @property
    def put(self) -> str:
        columns = ["id", "key", *self.columns, "body"]
        changed = ", ".join(f"{column} = excluded.{column}" for column in columns[2:])
        return (
            f"INSERT INTO {self.quoted} ({', '.join(columns)})"  # noqa: S608 - names are quoted
            f" VALUES ({', '.join('?' * len(columns))}) ON CONFLICT (id) DO UPDATE SET {changed}"
        )

    @property
    def delete(self) -> str:
        return f"DELETE FROM {self.quoted} WHERE id = ?"  # noqa: S608 - names are quoted

    def _held(self, index: Index, get: Getter, document: Any) -> Values:
        value = get(document)
        match index.kind:
            case "value":
                return (self.held(index.name, value),)
            case "point" if value is None:
                return (None,) * len(PARTS)
            case "point":
                return (value.lat, value.lon, *on_sphere(value), dumps(cells_of(value)))
        return (dumps(sorted(self.number(index.name, each) for each in value)),)

    def _statements(self) -> Iterator[str]:
        columns = "".join(f", {column}" for column in self.columns)
        yield (
            f"CREATE TABLE IF NOT EXISTS {self.quoted}"
            f" (id INTEGER PRIMARY KEY, key TEXT NOT NULL{columns}, body BLOB NOT NULL)"
        )
        yield self._index("", "key")
        for index in self.indexes.values():
            yield from _MAKERS[index.kind](self, index.name)

    def _index(self, name: str, columns: str) -> str:
        index = quoted(f"{self.name}:{name}")
        return f"CREATE INDEX IF NOT EXISTS {index} ON {self.quoted} ({columns})"

    def _make_value(self, name: str) -> Iterator[str]:
        yield self._index(name, f"{self.column(name)}, key")

    def _make_items(self, name: str) -> Iterator[str]:
        items, column = self.items(name), self.column(name)
        yield (
            f"CREATE TABLE IF NOT EXISTS {items} (item INTEGER NOT NULL, id INTEGER NOT NULL,"
            " PRIMARY KEY (item, id)) WITHOUT ROWID"
        )
        yield f"CREATE INDEX IF NOT EXISTS {quoted(f'{self.name}/{name}:')} ON {items} (id)"
        yield from self._triggers(
            name,
            columns=(column,),
            remove=f"DELETE FROM {items} WHERE id = old.id;",  # noqa: S608 - names are quoted
            add=f"INSERT INTO {items} SELECT value, new.id FROM json_each(new.{column});",  # noqa: S608 - names are quoted
        )

    def _make_cells(self, name: str) -> Iterator[str]:
        """Hold the rows of each cell in the order of the index."""
        cells, order = self.cells(name), self.indexes[name].order
        sorting = {"sorted": self.column(order)} if order else {}
        held = {**sorting, "named": "key", "row": "id"}
        held |= {part: self.column(name, part) for part in ("lat", "lon")}
        yield (
            f"CREATE TABLE IF NOT EXISTS {cells} (cell INTEGER, {', '.join(held)},"
            f" PRIMARY KEY ({', '.join(['cell', *sorting, 'named'])})) WITHOUT ROWID"
        )
        column = self.column(name, "cells")
        each = f"json_each(%s.{column})"
        was = [f"{part} = old.{value}" for part, value in [*sorting.items(), ("named", "key")]]
        yield from self._triggers(
            name,
            columns=(*sorting.values(), column, held["lat"], held["lon"]),
            remove=f"DELETE FROM {cells} WHERE cell IN (SELECT value FROM {each % 'old'})"  # noqa: S608 - names are quoted
            f" AND {' AND '.join(was)};",
            add=f"INSERT INTO {cells} SELECT value, new.{', new.'.join(held.values())}"  # noqa: S608 - names are quoted
            f" FROM {each % 'new'};",
        )

    def _triggers(
        self, name: str, *, columns: Sequence[str], remove: str, add: str
    ) -> Iterator[str]:
        changed = " OR ".join(f"old.{column} IS NOT new.{column}" for column in columns)
        update = f"UPDATE OF {', '.join(columns)}"
        for event, when, steps in (
            ("INSERT", "", add),
            ("DELETE", "", remove),
            (update, f"WHEN {changed} ", remove + add),
        ):
            trigger = quoted(f"{self.name} {event[:6]} {name}")
            yield (
                f"CREATE TRIGGER IF NOT EXISTS {trigger} AFTER {event} ON {self.quoted}"
                f" {when}BEGIN {steps} END"
            )


def drop_tables(connection: Connection, name: str) -> None:
    """Drop a table with its side tables, also those that another program declared."""
    found = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND (name = ? OR substr(name, 1, length(?) + 1) IN (? || '.', ? || '/', ? || '@'))",
        (name,) * 5,
    ).fetchall()
    for (each,) in found:
        connection.execute(f"DROP TABLE {quoted(each)}")


def _names(index: Index) -> list[str]:
    if index.kind == "point":
        return [_name(index.name, part) for part in PARTS]
    return [_name(index.name)]


def _name(index: str, part: str = "") -> str:
    return f"i:{index}:{part}" if part else f"i:{index}"


def quoted(name: str) -> str:
    """Return the name of a table or column as SQL writes it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


_MAKERS: Mapping[str, Callable[[SqlTable, str], Iterator[str]]] = {
    "value": SqlTable._make_value,
    "many": SqlTable._make_items,
    "point": SqlTable._make_cells,
}
