"""A small imitation of OpenSearch: enough of its documented behaviour for the requests we send.

It is no proof that a server takes them. It checks their form, versions and compare-and-set as
documented, and evaluates the queries; its score is of 32 bits and resembles BM25 without the
frequencies of words in other documents.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import acos, cos, log2, radians, sin
from struct import pack, unpack
from typing import Any

from opensearchpy import Connection, OpenSearch

from adapters.search_index.fragments import is_mistyped

Json = dict[str, Any]

LUCENE_EARTH_KM = 6371.0087714


@dataclass(slots=True)
class Stored:
    """A document, or with no source what is remembered of a deleted one."""

    source: Json | None
    number: int
    version: int = 0


@dataclass(slots=True)
class Server:
    """The state behind any number of clients."""

    indexes: dict[str, dict[str, Stored]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    number: int = 0

    def client(self) -> OpenSearch:
        return OpenSearch(
            hosts=["http://imitation"], connection_class=Imitation, server=self, max_retries=0
        )

    def rows(self, index: str) -> Mapping[str, Json]:
        stored = self.indexes[index].items()
        return {key: one.source for key, one in stored if one.source is not None}


class Imitation(Connection):
    """A connection to a Server in this process."""

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(**options)
        self._server = server

    def perform_request(
        self, method: str, url: str, params: Any = None, body: Any = None, *_: Any, **__: Any
    ) -> tuple[int, Json, str]:
        self._server.requests.append(f"{method} {url}")
        text = body.decode() if isinstance(body, bytes) else body
        index, _slash, rest = url.strip("/").partition("/")
        status, answer = self._answer(method, index, rest, params or {}, text or "")
        raw = json.dumps(answer)
        if status >= 400:
            self._raise_error(status, raw, "application/json")
        return status, {"content-type": "application/json"}, raw

    def close(self) -> None: ...

    def _answer(
        self, method: str, index: str, rest: str, params: Json, text: str
    ) -> tuple[int, Json]:
        server, (verb, _slash, key) = self._server, rest.partition("/")
        if method == "PUT" and not verb:
            return self._create_index(index, json.loads(text))
        if verb == "_bulk":
            return 200, {"items": [self._write(index, *one) for one in _operations(text)]}
        if verb == "_mget":
            ids, held = json.loads(text)["ids"], server.indexes.get(index, {})
            return 200, {"docs": [self._document(held, one) for one in ids]}
        if index not in server.indexes:
            return 404, {"error": {"type": "index_not_found_exception"}, "status": 404}
        match method, verb:
            case "DELETE", "":
                del server.indexes[index]
                server.aliases = {to: of for to, of in server.aliases.items() if of != index}
                return 200, {}
            case "POST", "_forcemerge":
                assert params["only_expunge_deletes"] == "true"
                return 200, {}
            case _, "_search" | "_count":
                return 200, _searched(list(server.rows(index).values()), json.loads(text))
        return self._of_document((method, verb), server.indexes[index], key, params, text)

    def _of_document(
        self, does: tuple[str, str], held: dict[str, Stored], key: str, params: Json, text: str
    ) -> tuple[int, Json]:
        found = held.get(key)
        match does:
            case "GET", "_doc":
                return (200 if found else 404), self._document(held, key)
            case "PUT", "_create" if found is None:
                held[key] = Stored(json.loads(text), self._next())
                return 201, {}
            case "PUT", "_doc" if found and int(params["if_seq_no"]) == found.number:
                held[key] = Stored(json.loads(text), self._next())
                return 200, {}
            case "DELETE", "_doc":
                return (404 if held.pop(key, None) is None else 200), {}
        return 409, {"error": {"type": "version_conflict_engine_exception"}, "status": 409}

    def _create_index(self, index: str, body: Json) -> tuple[int, Json]:
        if index in self._server.indexes:
            return 400, {"error": {"type": "resource_already_exists_exception"}, "status": 400}
        assert body["mappings"]["dynamic"] is False
        self._server.indexes[index] = {}
        self._server.aliases.update(dict.fromkeys(body.get("aliases", {}), index))
        return 200, {}

    def _write(self, alias: str, kind: str, about: Json, row: Json | None) -> Json:
        held = self._server.indexes.get(self._server.aliases.get(alias, ""))
        if held is None:
            return {kind: {"status": 404}}
        assert about["version_type"] == "external_gte"
        before = held.get(about["_id"])
        if before is not None and before.version > about["version"]:
            return {kind: {"status": 409}}
        held[about["_id"]] = Stored(row, self._next(), about["version"])
        return {kind: {"status": 404 if row is None and before is None else 200}}

    def _document(self, held: Mapping[str, Stored], key: str) -> Json:
        found = held.get(key)
        if found is None or found.source is None:
            return {"_id": key, "found": False}
        place = {"_seq_no": found.number, "_primary_term": 1}
        return {"_id": key, "found": True, "_source": found.source, **place}

    def _next(self) -> int:
        self._server.number += 1
        return self._server.number


def _operations(text: str) -> Iterator[tuple[str, Json, Json | None]]:
    lines = map(json.loads, text.strip().split("\n") if text.strip() else [])
    for line in lines:
        ((kind, about),) = line.items()
        yield kind, about, next(lines) if kind == "index" else None


def _searched(rows: list[Json], body: Json) -> Json:
    scored = [(score, row) for row in rows if (score := _score(row, body["query"])) is not None]
    hits = [(_keys(score, row, body), row) for score, row in scored]
    down = any(
        options["order"] == "desc" for sort in body.get("sort", []) for options in sort.values()
    )
    hits.sort(key=lambda hit: hit[0], reverse=down)
    if after := body.get("search_after"):
        hits = [hit for hit in hits if (hit[0] < after if down else hit[0] > after)]
    answer = [{"_source": row, "sort": keys} for keys, row in hits[: body.get("size", 10)]]
    return {"count": len(scored), "hits": {"hits": answer}, **_buckets(scored, body)}


def _keys(score: float, row: Json, body: Json) -> list[Any]:
    fields = [field for sort in body.get("sort", []) for field in sort]
    (rounded,) = unpack("f", pack("f", score))
    return [rounded if field == "_score" else row[field] for field in fields]


def _buckets(scored: list[tuple[float, Json]], body: Json) -> Json:
    if "aggs" not in body:
        return {}
    options = body["aggs"]["values"]["terms"]
    held = (row.get(options["field"], []) for _, row in scored)
    counts = Counter(one for its in held for one in (its if isinstance(its, list) else [its]))
    best = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[: options["size"]]
    buckets = [{"key": key, "doc_count": count} for key, count in best]
    return {"aggregations": {"values": {"buckets": buckets}}}


def _score(row: Json, query: Json) -> float | None:
    """The score of a row, or None if it does not match."""
    ((kind, options),) = query.items()
    return _KINDS[kind](row, options)


def _bool(row: Json, options: Json) -> float | None:
    must = [_score(row, one) for one in options.get("must", [])]
    should = [score for one in options.get("should", []) if (score := _score(row, one)) is not None]
    if None in must or len(should) < options.get("minimum_should_match", 0):
        return None
    if any(_score(row, one) is None for one in options.get("filter", [])):
        return None
    if any(_score(row, one) is not None for one in options.get("must_not", [])):
        return None
    return sum(score or 0 for score in must) + sum(should)


def _best(row: Json, options: Json) -> float | None:
    scores = [_score(row, one) for one in options["queries"]]
    return max((score for score in scores if score is not None), default=None)


def _scripted(row: Json, options: Json) -> float | None:
    score, params = _score(row, options["query"]), options["script"]["params"]
    if score is None:
        return None
    time = row[params["times"]] / params["half_life"] if params["times"] else 0
    return 100 + log2(score + 1e-6) + time


def _of_field(
    number: Callable[[list[str], Any], int],
) -> Callable[[Json, Json], float | None]:
    """A query of one field, by the number of places where it holds."""

    def score(row: Json, options: Json) -> float | None:
        ((name, wanted),) = options.items()
        held = row.get(name, [])
        terms = held.split() if isinstance(held, str) else held
        boost = wanted.get("boost", 1) if isinstance(wanted, dict) else 1
        places = number(terms, wanted)
        return boost * places / (places + 0.3 + len(terms) / 10) if places else None

    return score


def _value(wanted: Any) -> Any:
    return wanted.get("value", wanted.get("query")) if isinstance(wanted, dict) else wanted


def _phrases(terms: list[str], wanted: Json, ending: str = " ") -> int:
    return f" {' '.join(terms)} ".count(f" {wanted['query']}{ending}")


def _in_range(row: Json, options: Json) -> float | None:
    ((name, bounds),) = options.items()
    tests = {"gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}
    if name not in row:
        return None
    value = row[name]
    holds = all(getattr(value, tests[sign])(type(value)(end)) for sign, end in bounds.items())
    return 0 if holds else None


def _near(row: Json, options: Json) -> float | None:
    (name,) = set(options) - {"distance"}
    if name not in row:
        return None
    one, other = row[name], options[name]
    north, lat = radians(one["lat"]), radians(other["lat"])
    east = radians(one["lon"] - other["lon"])
    angle = acos(min(1.0, sin(north) * sin(lat) + cos(north) * cos(lat) * cos(east)))
    km = float(options["distance"].removesuffix("km"))
    return 0 if angle * LUCENE_EARTH_KM <= km + 1e-6 else None


_KINDS: Mapping[str, Callable[[Json, Json], float | None]] = {
    "match_none": lambda _row, _options: None,
    "bool": _bool,
    "dis_max": _best,
    "script_score": _scripted,
    "term": _of_field(lambda terms, wanted: terms.count(_value(wanted))),
    "terms": _of_field(lambda terms, wanted: len(set(wanted).intersection(terms))),
    "match_phrase": _of_field(_phrases),
    "match_phrase_prefix": _of_field(lambda terms, wanted: _phrases(terms, wanted, "")),
    "prefix": _of_field(
        lambda terms, wanted: sum(term.startswith(_value(wanted)) for term in terms)
    ),
    "fuzzy": _of_field(
        lambda terms, wanted: sum(is_mistyped(term, _value(wanted)) for term in terms)
    ),
    "range": _in_range,
    "geo_distance": _near,
}
