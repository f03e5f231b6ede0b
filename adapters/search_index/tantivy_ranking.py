"""The first rows of a query, by relevance or by a value, in an order that is total."""

from collections.abc import Sequence
from itertools import groupby
from math import inf, log2
from typing import Any, NamedTuple

from tantivy import DocAddress, Order, Query, Searcher

from adapters.read_models.indexing import scalar
from adapters.search_index.columns import decoded_text, encoded
from adapters.search_index.tantivy_schema import KEY, Questions, Schema, all_of, unscored
from application.ports.read_models import Cursor, Find, Recency

CANDIDATES = 1000
"""The rows that are ranked first."""

_MICROSECONDS_A_DAY = 86_400 * 10**6
_LEAST_SCORE = 1e-30


class Hit(NamedTuple):
    """A row that was found."""

    key: str
    address: DocAddress
    score: float | None = None


class ByRelevance:
    """Rank by log2(BM25) + time / half-life, and then by key, both descending.

    The best are found among the rows with the highest BM25 and the latest ones. A row in neither
    list has at most the lowest value of both (R. Fagin's threshold algorithm), so those above
    that are certain. If they are too few, the lists are made longer.
    """

    def __init__(
        self, searcher: Searcher, schema: Schema, questions: Questions, recency: Recency | None
    ) -> None:
        self._searcher = searcher
        self._questions = questions
        self._recency = recency
        self._times = schema.numbers(recency.field) if recency else ""

    def first(self, query: Query, limit: int, after: Cursor | None, base: float = 0.0) -> list[Hit]:
        """Return the first rows after the cursor. The base is added to their scores."""
        candidates = CANDIDATES
        while True:
            values, certain = self._ranked(query, candidates)
            ranked = [(base + value, address) for value, address in values]
            hits = self._page(ranked, limit, after, base + certain)
            if len(hits) == limit or certain == -inf:
                return hits
            candidates *= 4

    def _page(
        self,
        ranked: Sequence[tuple[float, DocAddress]],
        limit: int,
        after: Cursor | None,
        certain: float,
    ) -> list[Hit]:
        hits: list[Hit] = []
        for score, tied in groupby(ranked, key=lambda one: one[0]):
            if score <= certain or len(hits) >= limit:
                break
            if after is not None and score > after.value:
                continue
            keyed = [Hit(key_of(self._searcher, address), address, score) for _, address in tied]
            if after is not None and score == after.value:
                keyed = [hit for hit in keyed if hit.key < after.key]
            hits += sorted(keyed, key=lambda hit: hit.key, reverse=True)
        return hits[:limit]

    def _ranked(
        self, query: Query, candidates: int
    ) -> tuple[list[tuple[float, DocAddress]], float]:
        """Return rows by their value, and the value above which they are the first of all."""
        best: Any = self._searcher.search(self._scored(query, -inf), candidates)
        hits = best.hits
        if len(hits) == best.count:
            return self._sorted(hits), -inf
        if self._recency is None:
            return self._sorted(hits), _log(hits[-1][0])
        latest = self._searcher.search(
            query, candidates, count=False, order_by_field=self._times
        ).hits[-1][0]
        newest = self._searcher.search(self._scored(query, latest), candidates, count=False).hits
        known = {_place(address): (score, address) for score, address in [*hits, *newest]}
        threshold = _log(hits[-1][0]) + self._half_lives(latest)
        return self._sorted(list(known.values())), threshold

    def _scored(self, query: Query, since: float) -> Query:
        """Return the query after a time. Its form is always the same, and so are its scores."""
        if self._recency is None:
            return query
        return all_of([query, unscored(self._questions.after(self._recency.field, since))])

    def _sorted(self, hits: Sequence[tuple[float, DocAddress]]) -> list[tuple[float, DocAddress]]:
        addresses = [address for _, address in hits]
        times = self._half_lives_of(addresses)
        values = [
            (_log(score) + time, address)
            for (score, address), time in zip(hits, times, strict=True)
        ]
        return sorted(values, key=lambda one: one[0], reverse=True)

    def _half_lives_of(self, addresses: list[DocAddress]) -> list[float]:
        if self._recency is None:
            return [0.0] * len(addresses)
        times = self._searcher.fast_field_values(self._times, addresses)
        return [self._half_lives(time or 0) for time in times]

    def _half_lives(self, time: float) -> float:
        days = self._recency.half_life_days if self._recency else inf
        return time / _MICROSECONDS_A_DAY / days


class ByValue:
    """Rank by a "value" index and then by key, both the same way; or by key alone."""

    def __init__(
        self, searcher: Searcher, schema: Schema, questions: Questions, find: Find
    ) -> None:
        self._searcher = searcher
        self._questions = questions
        self._field = find.order_by
        self._descending = find.descending
        self._order = Order.Desc if find.descending else Order.Asc
        self._column = schema.values(find.order_by) if find.order_by else KEY

    def first(self, query: Query, limit: int, after: Cursor | None) -> list[Hit]:
        """Return the first rows after the cursor."""
        if not self._field:
            return self._by_key(query, limit, after.key if after else None)
        if after is None:
            return self._by_value(query, limit)
        value = encoded(scalar(after.value))
        equal = self._by_key(self._equal(query, value), limit, after.key)
        beyond = self._questions.values_beyond(self._field, value, descending=self._descending)
        return equal + self._by_value(all_of([query, beyond]), limit - len(equal))

    def _by_value(self, query: Query, limit: int) -> list[Hit]:
        if limit < 1:
            return []
        found = self._search(query, limit, self._column)
        if len(found) < limit:
            return self._in_order(found)
        # Other rows with the last value may come before these by key.
        last = found[-1][0]
        hits = self._in_order([one for one in found if one[0] != last])
        return hits + self._by_key(self._equal(query, last), limit - len(hits), None)

    def _by_key(self, query: Query, limit: int, after: str | None) -> list[Hit]:
        if after is not None:
            beyond = self._questions.keys_beyond(after, descending=self._descending)
            query = all_of([query, beyond])
        return [Hit(decoded_text(key), address) for key, address in self._search(query, limit, KEY)]

    def _equal(self, query: Query, value: str) -> Query:
        return all_of([query, self._questions.value(self._field, value)])

    def _search(self, query: Query, limit: int, column: str) -> list[tuple[str, DocAddress]]:
        found: list[tuple[str, DocAddress]] = self._searcher.search(
            query, limit, count=False, order_by_field=column, order=self._order
        ).hits
        return found

    def _in_order(self, found: Sequence[tuple[str, DocAddress]]) -> list[Hit]:
        hits: list[Hit] = []
        for _, tied in groupby(found, key=lambda one: one[0]):
            keyed = [Hit(key_of(self._searcher, address), address) for _, address in tied]
            hits += sorted(keyed, key=lambda hit: hit.key, reverse=self._descending)
        return hits


def key_of(searcher: Searcher, address: DocAddress) -> str:
    """Return the key of a row."""
    return decoded_text(str(searcher.doc(address).get_first(KEY)))


def _log(score: float) -> float:
    return log2(max(score, _LEAST_SCORE))


def _place(address: DocAddress) -> tuple[int, int]:
    return address.segment_ord, address.doc
