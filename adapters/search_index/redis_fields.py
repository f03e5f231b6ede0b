"""What a row of a search index is in Redis: a hash, whose fields the search module indexes.

Values and keys are stored encoded, so that nothing in a query needs quoting, and one field serves
filters, orders and counts. Terms are stored with a mark in front, and without the characters at
which the module would split them.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import cos, radians, sin
from string import punctuation
from typing import Any, NamedTuple

from adapters.read_models.indexing import IndexedPoint, Scalar, extractor
from adapters.search_index.analysis import BETWEEN, spoken, stems, terms
from adapters.search_index.columns import encoded, encoded_text, number
from adapters.search_index.texts import texts_of
from application.ports.read_models import Index

BODY, KEY = "d", "k"
"""The fields with the document as JSON, and with the key of the row."""

TERM, STEM = "t", "s"
"""The marks of terms as they were written, and of stems."""

Field = tuple[str, str]

_PRIVATE_USE = 0xE000
_UNSPLIT = {ord(char): _PRIVATE_USE + ord(char) for char in punctuation}


class Vector(NamedTuple):
    """A point on a sphere of radius 1."""

    x: float
    y: float
    z: float


def vector(lat: float, lon: float) -> Vector:
    lat, lon = radians(lat), radians(lon)
    return Vector(cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat))


def marked(mark: str, term: str) -> str:
    """Return the term as it is stored."""
    return mark + term.translate(_UNSPLIT)


def number_of(column: str) -> str:
    """Return the field with the value of a "value" index as a number, or 0."""
    return f"{column}n"


def stems_of(column: str) -> str:
    """Return the field with the stems of the texts of a "text" index."""
    return f"{column}s"


class RedisFields:
    """The fields of the rows of one read model. They are numbered by their index."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self.indexes = {index.name: index for index in indexes}
        self.columns = {index.name: f"i{place}" for place, index in enumerate(indexes)}
        self.texts = {index.name: texts_of(index) for index in indexes if index.kind == "text"}
        self._getters = [
            (self.columns[index.name], extractor(index), _MAKERS[index.kind])
            for index in indexes
            if index.kind in _MAKERS
        ]

    def schema(self) -> list[str]:
        """Return the arguments of FT.CREATE that say how fields are indexed."""
        declared = [part for index in self.indexes.values() for part in self._declared(index)]
        return [*_tag(KEY).split(), *declared]

    def stored(self, key: str, body: bytes, document: Any) -> list[str | bytes]:
        """Return the names and values of a row. Raises ValueError if it cannot be stored."""
        row: dict[str, str | bytes] = {BODY: body, KEY: encoded_text(key)}
        for column, get, make in self._getters:
            row.update(make(column, get(document)))
        texts = {self.columns[name]: get(document) for name, get in self.texts.items()}
        around = spoken(chain.from_iterable(texts.values()))
        for column, its_texts in texts.items():
            row.update(_text(column, its_texts, around))
        return list(chain.from_iterable(row.items()))

    def _declared(self, index: Index) -> list[str]:
        column = self.columns[index.name]
        match index.kind:
            case "value":
                return f"{_tag(column)} {number_of(column)} NUMERIC SORTABLE NOINDEX".split()
            case "many":
                return _tag(column).split()
            case "point":
                edges = [f"{column}lat NUMERIC", f"{column}lon NUMERIC"]
                axes = [f"{column}{axis} NUMERIC SORTABLE" for axis in Vector._fields]
                return " ".join([*edges, *axes]).split()
            case "text":
                options = f"TEXT NOSTEM WEIGHT {self._weight(index)}"
                return f"{column} {options} {stems_of(column)} {options}".split()
        raise ValueError(f"a search index has no indexes of the kind {index.kind}")

    def _weight(self, index: Index) -> int:
        """Return the weight as the module takes it: it multiplies frequencies by whole numbers."""
        least = min(self.indexes[name].weight for name in self.texts)
        return round(index.weight / least)


def _tag(field: str) -> str:
    return f"{field} TAG SORTABLE UNF"


def _value(column: str, value: Scalar) -> Iterator[Field]:
    yield column, encoded(value)
    yield number_of(column), repr(0.0 if value is None or isinstance(value, str) else number(value))


def _many(column: str, values: Sequence[Scalar]) -> Iterator[Field]:
    yield column, ",".join(map(encoded, values))


def _point(column: str, point: IndexedPoint | None) -> Iterator[Field]:
    if point is not None:
        sides = vector(point.lat, point.lon)._asdict()
        for part, value in {"lat": point.lat, "lon": point.lon, **sides}.items():
            yield f"{column}{part}", f"{value:.17f}"


def _text(column: str, texts: Sequence[str], around: frozenset[str]) -> Iterator[Field]:
    written = [" ".join(marked(TERM, term) for term in terms(text)) for text in texts]
    yield column, f" {marked(TERM, BETWEEN)} ".join(written)
    stemmed = [marked(STEM, stem) for text in texts for stem in stems(text, around)]
    yield stems_of(column), " ".join(stemmed)


_MAKERS: dict[str, Callable[[str, Any], Iterator[Field]]] = {
    "value": _value,
    "many": _many,
    "point": _point,
}
