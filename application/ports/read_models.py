"""The store of read models: documents made from the logs, which can be deleted and rebuilt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from application.ports.checkpoints import Checkpoint
from application.ports.unavailable import Unavailable

D = TypeVar("D")


# Indexes, which a query service declares in order to filter and to sort


@dataclass(frozen=True, slots=True)
class Index:
    """A field to filter and sort by. Dots reach into nested documents.

    ``kind``: "value" (a scalar), "many" (a list of scalars, matched by any of them), "point" (a
    document or None with ``lat`` and ``lon`` in degrees), "words" (the words of several texts).
    """

    name: str
    kind: str = "value"
    fields: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        return self.fields or (self.name,)


def by(field: str) -> Index:
    """Return an index over a scalar field, for equality, ranges and sorting."""
    return Index(field)


def by_each(field: str) -> Index:
    """Return an index over the items of a list field."""
    return Index(field, "many")


def by_point(field: str) -> Index:
    """Return an index over a point."""
    return Index(field, "point")


def by_words(name: str, *fields: str) -> Index:
    """Return an index called ``name`` over the words of several text fields."""
    return Index(name, "words", fields)


# Side tables: what a projection remembers beside its documents

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Side(Generic[S]):
    """A table of rows of one dataclass beside the documents. It is never served.

    Its rows are committed with the documents, and rebuilt and dropped with their build.
    """

    row: type[S]
    indexes: tuple[Index, ...] = ()

    @property
    def name(self) -> str:
        return self.row.__name__


# By the class of the rows of a side table and by key, what was written; None for a deleted row.
SideChanges = Mapping[type, Mapping[str, Any]]
NO_SIDES: SideChanges = MappingProxyType({})


# Questions


@dataclass(frozen=True, slots=True)
class Equals:
    """The field has this value. If it is a list, the list contains the value."""

    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field has one of these values, or is a list that holds one of them."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """``least <= field < below``; either may be None for no bound. None values never match."""

    field: str
    least: Any = None
    below: Any = None


@dataclass(frozen=True, slots=True)
class InBox:
    """The point lies in a box of degrees. A box with west > east crosses the date line."""

    field: str
    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Near:
    """The point lies within ``km`` kilometres of another, on a sphere of 6378.1 km radius."""

    field: str
    lat: float
    lon: float
    km: float


@dataclass(frozen=True, slots=True)
class HasWords:
    """A "words" index contains all words of the text, folded by the function ``words``."""

    field: str
    text: str


Condition = Equals | OneOf | Between | InBox | Near | HasWords


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A query: all conditions hold. Sorted by a "value" field, then by key, both the same way.

    None sorts before every other value. Without ``order_by`` rows are sorted by key.
    """

    where: tuple[Condition, ...] = ()
    order_by: str = ""
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Row(Generic[D]):
    key: str
    document: D


@dataclass(frozen=True, slots=True)
class Cursor:
    """The end of a page: the sort value and the key of its last row."""

    value: Any
    key: str


class UnreadableDocument(Unavailable):
    """Another version of the program wrote this document; this one cannot read it."""


class Table(Protocol[D]):
    """Rows of one kind: the documents of a read model, or one of its side tables."""

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        """Return the documents that exist, by key.

        This and ``find`` raise UnreadableDocument.
        """
        ...

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        """Return the first rows after the cursor.

        Raises ValueError for a field without an index, or a value of the wrong type for it.
        """
        ...

    def count(self, find: Find) -> int: ...


class Tables(Table[D], Protocol[D]):
    """The documents of a read model, and its side tables."""

    def side(self, row: type[S]) -> Table[S]:
        """Return the side table of this row type. Raises ValueError if it was not declared."""
        ...


class ReadModel(Tables[D], Protocol[D]):
    """The documents of one build of a query service, and the build's checkpoint."""

    def checkpoint(self) -> Checkpoint: ...

    def commit(
        self,
        changes: Mapping[str, D | None],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None:
        """Write (or, for None, delete) the rows and move the checkpoint, all or nothing.

        Raises Fenced unless the revision is one more than the stored one, and ValueError for a row
        that cannot be stored.
        """
        ...

    def drop(self) -> None:
        """Delete the rows, those of all side tables as well, and the checkpoint."""
        ...


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a read model. Numbers grow; the fingerprint identifies the code that made it."""

    number: int
    fingerprint: str


class ReadModels(Protocol):
    """The read models of all query services. Builds exist side by side until they are dropped."""

    def begin(self, name: str, fingerprint: str) -> Build:
        """Return a new build with a number above all others. ``open`` creates it."""
        ...

    def builds(self, name: str) -> list[Build]:
        """Return all builds that were begun, ascending, including dropped ones."""
        ...

    def open(
        self,
        name: str,
        version: int,
        document: type[D],
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]] = (),
    ) -> ReadModel[D]:
        """Return the read model of the build; create it with its indexes if it does not exist."""
        ...

    def live_version(self, name: str) -> int:
        """Return the number of the build that serves, or 0."""
        ...

    def make_live(self, name: str, version: int) -> None:
        """Make the build serve, unless a later one does."""
        ...

    def versions(self, name: str) -> list[int]:
        """Return the numbers of the builds that exist, ascending."""
        ...

    def close(self) -> None: ...
