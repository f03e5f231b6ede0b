"""A search index in memory, for tests of what uses one: it knows whole words only."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from adapters.read_models.indexing import scalar
from adapters.read_models.memory import MemoryReadModel
from application.engine.query_service import value_of
from application.ports.read_models import (
    RELEVANCE,
    Cursor,
    Find,
    Fragment,
    HasWords,
    Index,
    Matches,
    Recency,
    Row,
)

D = TypeVar("D")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
ALL = 10**6


class MemorySearchModel(MemoryReadModel[D]):
    """Reads every document for each question."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        super().__init__([each for each in indexes if each.kind != "text"], ())
        self._texts = {each.name: each for each in indexes if each.kind == "text"}
        self.purged = 0

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        if not (find.matches or any(isinstance(one, HasWords) for one in find.where)):
            return super().find(find, limit=limit, after=after)
        found = [self._found(row, find) for row in self._candidates(find)]
        rows = [row for row in found if row is not None]
        if find.order_by == RELEVANCE:
            rows.sort(key=lambda row: (row.score, row.key), reverse=True)
        if after is not None:
            rows = [
                row for row in rows if self._place(row, find) < (scalar(after.value), after.key)
            ]
        return rows[:limit]

    def count(self, find: Find) -> int:
        return len(self.find(find, limit=ALL))

    def facets(self, find: Find, field: str, *, limit: int) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        for row in self.find(find, limit=ALL):
            value = value_of(row.document, field)
            counts.update(map(str, value if isinstance(value, tuple) else (value,)))
        return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:limit])

    def suggest(self, matches: Matches, find: Find, *, limit: int) -> Sequence[str]:
        *before, last = words(matches.text) or [""]
        rows = self.find(find, limit=ALL)
        texts = [text for row in rows for name in self._texts for text in self._texts_of(row, name)]
        counts = Counter(word for text in texts for word in words(text) if word.startswith(last))
        most = sorted(counts, key=lambda word: (-counts[word], word))[:limit] if last else []
        return [" ".join((*before, word)) for word in most]

    def purge(self) -> None:
        self.purged += 1

    def _candidates(self, find: Find) -> list[Row[D]]:
        where = tuple(one for one in find.where if not isinstance(one, HasWords))
        order_by = "" if find.order_by == RELEVANCE else find.order_by
        return super().find(replace(find, matches=None, where=where, order_by=order_by), limit=ALL)

    def _found(self, row: Row[D], find: Find) -> Row[D] | None:
        asked = [Matches(one.text, (one.field,)) for one in find.where if isinstance(one, HasWords)]
        if not all(self._holds_words(row, each) for each in asked):
            return None
        if find.matches is None:
            return row
        if not self._holds_words(row, find.matches):
            return None
        fragments = dict(self._fragments(row, find.matches))
        score = sum(len(each.found) * self._texts[name].weight for name, each in fragments.items())
        return Row(row.key, row.document, score * _recency(row, find.recency), fragments)

    def _holds_words(self, row: Row[D], matches: Matches) -> bool:
        names = matches.names or tuple(self._texts)
        held = {
            word for name in names for text in self._texts_of(row, name) for word in words(text)
        }
        wanted = words(matches.text)
        prefix = wanted.pop() if matches.typing and wanted else ""
        whole = bool(wanted or prefix) and held.issuperset(wanted)
        return whole and (not prefix or any(word.startswith(prefix) for word in held))

    def _fragments(self, row: Row[D], matches: Matches) -> Iterator[tuple[str, Fragment]]:
        wanted = set(words(matches.text))
        for name in self._texts:
            text = " ".join(self._texts_of(row, name))
            spans = [
                each.span() for each in re.finditer(r"\w+", text) if words(each[0])[0] in wanted
            ]
            if spans:
                yield name, Fragment(text, tuple(spans))

    def _texts_of(self, row: Row[D], name: str) -> Iterator[str]:
        for source in self._texts[name].sources:
            value = value_of(row.document, source)
            yield from (value,) if isinstance(value, str) else value or ()

    def _place(self, row: Row[D], find: Find) -> tuple[Any, str]:
        value = row.score if find.order_by == RELEVANCE else value_of(row.document, find.order_by)
        return scalar(value), row.key


class MemorySearchIndex:
    def __init__(self) -> None:
        self._models: dict[tuple[str, int], MemorySearchModel[Any]] = {}

    def open(
        self,
        name: str,
        version: int,
        document: type[D],
        indexes: Sequence[Index],
    ) -> MemorySearchModel[D]:
        model = self._models.setdefault((name, version), MemorySearchModel(indexes))
        model.revive()
        return model

    def versions(self, name: str) -> list[int]:
        known = self._models.items()
        return sorted(number for (its, number), model in known if its == name and model.exists)

    def close(self) -> None: ...


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _recency(row: Row[Any], recency: Recency | None) -> float:
    if recency is None:
        return 1.0
    days = (value_of(row.document, recency.field) - EPOCH) / timedelta(days=1)
    return float(2 ** (days / recency.half_life_days))
