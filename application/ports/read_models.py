"""The store of read models: documents made from the logs, which can be deleted and rebuilt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from application.ports.checkpoints import Checkpoint
from application.ports.rebuilds import RebuildState
from application.ports.unavailable import Unavailable

D = TypeVar("D")


# Indexes, which a query service declares in order to filter and to sort


@dataclass(frozen=True, slots=True)
class Index:
    """A field to filter and sort by. Dots reach into nested documents.

    ``kind``: "value" (a scalar), "many" (a list of scalars, matched by any of them), "point" (a
    document or None with ``lat`` and ``lon`` in degrees), "text" (texts that only a search index
    can hold; a word of them counts ``weight`` times).
    ``ordered``: a "value" can be compared and sorted by; otherwise it is found if it is equal, and
    a store may hold a keyed hash of it.
    ``order`` is the "value" field by which points are mostly sorted.
    """

    name: str
    kind: str = "value"
    fields: tuple[str, ...] = ()
    weight: float = 1.0
    order: str = ""
    ordered: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return self.fields or (self.name,)


def by(field: str) -> Index:
    """Return an index over a scalar field, for equality alone: SQLite stores hashes of texts."""
    return Index(field)


def by_range(field: str) -> Index:
    """Return an index over a scalar field, for equality, ranges and sorting.

    Its values are stored in plain: a text in it should not tell what a member does.
    """
    return Index(field, ordered=True)


def by_each(field: str) -> Index:
    """Return an index over the items of a list field."""
    return Index(field, "many")


def by_point(field: str, order: str = "") -> Index:
    """Return an index over a point, for rows that are mostly sorted by the field ``order``."""
    return Index(field, "point", order=order)


def by_text(name: str, *fields: str, weight: float = 1.0) -> Index:
    """Return an index over texts, or lists of texts, which ``Matches`` searches. See search_index.

    Without ``fields``, its name is the field.
    """
    return Index(name, "text", fields, weight)


STORED_AS = 2
"""Changes with what any adapter stores for an index. All read models are then rebuilt beside those
of earlier programs."""


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
    """The point lies in a box of degrees. A box with west > east crosses the date line.

    South is not above north.
    """

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
    """A "text" index contains the words of the text, as ``Matches`` finds them. See search_index.

    It changes neither the relevance nor the fragments.
    """

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """The "text" indexes of these names, or all of them, contain the words of the text.

    A text without a word matches nothing. If ``typing``, the last word may be unfinished.
    """

    text: str
    names: tuple[str, ...] = ()
    typing: bool = False


Condition = Equals | OneOf | Between | InBox | Near | HasWords

RELEVANCE = "*"
"""The ``order_by`` of a search: the best matches first."""


@dataclass(frozen=True, slots=True)
class Recency:
    """Half as relevant for each half-life that the time in this "value" field is earlier.

    The order does not depend on when somebody asks.
    """

    field: str
    half_life_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A query: all conditions hold. Sorted by a "value" field, then by key, both the same way.

    None sorts before every other value. Without ``order_by`` rows are sorted by key. Only a search
    index takes ``matches``, and the order RELEVANCE, which ``recency`` changes.
    """

    where: tuple[Condition, ...] = ()
    matches: Matches | None = None
    order_by: str = ""
    descending: bool = True
    recency: Recency | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """An excerpt of a text, and the spans of it that were found: of characters, [start, end)."""

    text: str
    found: tuple[tuple[int, int], ...] = ()


NO_FRAGMENTS: Mapping[str, Fragment] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Row(Generic[D]):
    """A document that was found. A search sorted by RELEVANCE gives it a score.

    The fragments are what ``Matches`` found, by the name of the "text" index.
    """

    key: str
    document: D
    score: float | None = None
    fragments: Mapping[str, Fragment] = field(default_factory=lambda: NO_FRAGMENTS)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The end of a page: the sort value (the score, by RELEVANCE) and the key of its last row."""

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

    def rebuild(self, name: str) -> RebuildState:
        """Return the state of the rebuild of a read model, or NO_REBUILD."""
        ...

    def save_rebuild(self, name: str, state: RebuildState, *, live: int = 0) -> None:
        """Save the state, and make a build serve unless ``live`` is 0: also an earlier one.

        Both happen or neither. Raises Fenced unless the revision is one more than the stored one.
        """
        ...

    def close(self) -> None: ...
