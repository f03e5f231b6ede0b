"""Translate documents and questions into the language of OpenSearch and Elasticsearch.

UNTESTED with a server: these are the requests that the documentation of both describes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from adapters.read_models.indexing import IndexedPoint, Scalar, extractor, scalar
from adapters.search_index.analysis import Word, asked, joined, spoken, stems, terms
from adapters.search_index.columns import encoded, encoded_text, number
from adapters.search_index.texts import texts_of
from application.ports.read_models import (
    RELEVANCE,
    Between,
    Condition,
    Cursor,
    Equals,
    Find,
    HasWords,
    InBox,
    Index,
    Near,
    OneOf,
    Recency,
)
from domain.sphere import EARTH_KM

Json = dict[str, Any]

BODY, KEY = "d", "k"
"""The fields with the document as JSON, and with the key of the row."""

AS_BEGUN, AS_STEM, AS_MISTYPED = 0.6, 0.4, 0.2
"""What a beginning of a word, another form and a typing error count."""

NOTHING: Json = {"match_none": {}}

_LUCENE_EARTH_KM = 6371.0087714
_MICROSECONDS_A_DAY = 86_400 * 10**6
# No score may be negative: this is more than the logarithm of the least.
_ABOVE_ZERO = 100
_RANK = (
    f"double rank = {_ABOVE_ZERO} + Math.log(_score + 1e-6) / Math.log(2);"
    "if (params.times != null) { rank += doc[params.times].value / params.half_life }"
    "return Math.max(rank, 0)"
)
_TEXT: Json = {"type": "text", "analyzer": "whitespace"}


class OpenSearchFields:
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

    def mappings(self) -> Json:
        """Return how the fields are indexed."""
        properties: Json = {KEY: {"type": "keyword"}}
        for index in self.indexes.values():
            properties.update(_declared(self.columns[index.name], index))
        return {"dynamic": False, "properties": properties}

    def stored(self, key: str, body: str, document: Any) -> Json:
        """Return a row. Raises ValueError if it cannot be stored."""
        row: Json = {BODY: body, KEY: encoded_text(key)}
        for column, get, make in self._getters:
            row.update(make(column, get(document)))
        texts = {self.columns[name]: get(document) for name, get in self.texts.items()}
        around = spoken(chain.from_iterable(texts.values()))
        for column, its in texts.items():
            row[column] = joined(map(terms, its))
            row[f"{column}s"] = joined(stems(text, around) for text in its)
        return row


def _declared(column: str, index: Index) -> Json:
    match index.kind:
        case "value":
            return {column: {"type": "keyword"}, f"{column}n": {"type": "double", "index": False}}
        case "many":
            return {column: {"type": "keyword"}}
        case "point":
            sides = {f"{column}{axis}": {"type": "double"} for axis in ("lat", "lon")}
            return {column: {"type": "geo_point"}, **sides}
        case "text":
            return {column: _TEXT, f"{column}s": _TEXT}
    raise ValueError(f"a search index has no indexes of the kind {index.kind}")


def _value(column: str, value: Scalar) -> Iterator[tuple[str, Any]]:
    yield column, encoded(value)
    yield f"{column}n", 0.0 if value is None or isinstance(value, str) else number(value)


def _many(column: str, values: Sequence[Scalar]) -> Iterator[tuple[str, Any]]:
    yield column, [encoded(value) for value in values]


def _point(column: str, point: IndexedPoint | None) -> Iterator[tuple[str, Any]]:
    if point is not None:
        yield column, {"lat": point.lat, "lon": point.lon}
        yield f"{column}lat", point.lat
        yield f"{column}lon", point.lon


_MAKERS: Mapping[str, Callable[[str, Any], Iterator[tuple[str, Any]]]] = {
    "value": _value,
    "many": _many,
    "point": _point,
}


# Conditions


def filter_of(condition: Condition, column: str) -> Json:
    """Return the query for the rows that meet the condition."""
    match condition:
        case Equals(value=value):
            return {"term": {column: encoded(scalar(value))}}
        case OneOf(values=values):
            return {"terms": {column: [encoded(scalar(value)) for value in values]}}
        case Between(least=least, below=below):
            return {"range": {column: _bounds(scalar(least), scalar(below))}}
        case InBox():
            return _in_box(condition, column)
        case Near():
            km = condition.km * _LUCENE_EARTH_KM / EARTH_KM
            centre = {"lat": condition.lat, "lon": condition.lon}
            return {"geo_distance": {"distance": f"{km}km", column: centre}}
        case HasWords(text=text):
            return matching(asked(text), {column: 1.0}, mistyped=False)


def _bounds(least: Scalar, below: Scalar) -> Json:
    low = {"gt": encoded(None)} if least is None else {"gte": encoded(least)}
    return low if below is None else {**low, "lt": encoded(below)}


def _in_box(box: InBox, column: str) -> Json:
    lat = {"range": {f"{column}lat": {"gte": box.south, "lte": box.north}}}
    west = {"range": {f"{column}lon": {"gte": box.west}}}
    east = {"range": {f"{column}lon": {"lte": box.east}}}
    if box.west <= box.east:
        return {"bool": {"filter": [lat, west, east]}}
    return {"bool": {"filter": [lat], "should": [west, east], "minimum_should_match": 1}}


# Texts


def matching(words: Sequence[Word], weights: Mapping[str, float], *, mistyped: bool) -> Json:
    """Return the query for the rows with these words in some of the fields, which have weights."""
    if not words:
        return NOTHING
    queries: dict[bool, list[Json]] = {False: [], True: []}
    for word in words:
        ways = [
            way
            for field, weight in weights.items()
            for way in _ways(word, field, weight, mistyped=mistyped)
        ]
        queries[word.is_optional].append({"dis_max": {"queries": ways}})
    return {"bool": {"must": queries[False], "should": queries[True]}}


def _ways(word: Word, field: str, weight: float, *, mistyped: bool) -> Iterator[Json]:
    yield _phrase(field, word.terms, weight)
    if word.is_prefix:
        yield _begun(field, word.terms, weight * AS_BEGUN)
    if word.loose:
        yield _phrase(field, word.loose, weight * AS_STEM)
    for stem in word.stems:
        yield _phrase(f"{field}s", (stem,), weight * AS_STEM)
    if mistyped and word.may_be_mistyped:
        options = {"value": word.form, "fuzziness": 1, "boost": weight * AS_MISTYPED}
        yield {"fuzzy": {field: options}}


def _phrase(field: str, found: Sequence[str], boost: float) -> Json:
    if len(found) == 1:
        return {"term": {field: {"value": found[0], "boost": boost}}}
    return {"match_phrase": {field: {"query": " ".join(found), "boost": boost}}}


def _begun(field: str, found: Sequence[str], boost: float) -> Json:
    if len(found) == 1:
        return {"prefix": {field: {"value": found[0], "boost": boost}}}
    return {"match_phrase_prefix": {field: {"query": " ".join(found), "boost": boost}}}


# Orders and pages


def both(text: Json | None, filters: Sequence[Json], excluded: Json | None = None) -> Json:
    """Return the query for the rows that have the text and pass the filters."""
    query: Json = {"filter": list(filters)}
    if text is not None:
        query["must"] = [text]
    if excluded is not None:
        query["must_not"] = [excluded]
    return {"bool": query}


def ranked(query: Json, recency: Recency | None, columns: Mapping[str, str]) -> Json:
    """Return the query with a score: log2(BM25), and the time divided by the half-life."""
    params: Json = {"times": None, "half_life": 1}
    if recency is not None:
        half_life = recency.half_life_days * _MICROSECONDS_A_DAY
        params = {"times": f"{columns[recency.field]}n", "half_life": half_life}
    return {"script_score": {"query": query, "script": {"source": _RANK, "params": params}}}


def page(
    find: Find, query: Json, columns: Mapping[str, str], after: Cursor | None, limit: int
) -> Json:
    """Return the request for one page of the rows."""
    way = "desc" if find.descending or find.order_by == RELEVANCE else "asc"
    sort = [{field: {"order": way}} for field in (*_order(find, columns), KEY)]
    body: Json = {
        **{"query": query, "size": limit, "sort": sort},
        **{"_source": [BODY], "track_total_hits": False, "track_scores": False},
    }
    return body if after is None else {**body, "search_after": _place(find, after)}


def _order(find: Find, columns: Mapping[str, str]) -> list[str]:
    if find.order_by == RELEVANCE:
        return ["_score"]
    return [columns[find.order_by]] if find.order_by else []


def _place(find: Find, after: Cursor) -> list[Any]:
    key = encoded_text(after.key)
    if find.order_by == RELEVANCE:
        return [after.value, key]
    return [encoded(scalar(after.value)), key] if find.order_by else [key]


def most_frequent(query: Json, column: str, limit: int) -> Json:
    """Return the request for the most frequent values of a field."""
    order = [{"_count": "desc"}, {"_key": "asc"}]
    values = {"terms": {"field": column, "size": limit, "order": order}}
    return {"query": query, "size": 0, "aggs": {"values": values}}
