"""A search index of tantivy, for one machine: in a folder that processes share, or in memory."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec
import tantivy
from tantivy import DocAddress, Query, Searcher

from adapters.documents import decoder_of
from adapters.read_models.indexing import IndexedPoint
from adapters.search_index.analysis import Word, asked
from adapters.search_index.checking import check, check_values
from adapters.search_index.columns import decoded, decoded_text, encoded_text
from adapters.search_index.completion import completions
from adapters.search_index.folding import fold
from adapters.search_index.fragments import fragment
from adapters.search_index.sealing import FolderSeal
from adapters.search_index.tantivy_builds import InFolder, InMemory, StoredBuild, unavailable
from adapters.search_index.tantivy_ranking import ByRelevance, ByValue, Hit, key_of
from adapters.search_index.tantivy_schema import (
    BODY,
    KEY,
    NUMBER,
    Questions,
    Schema,
    all_of,
    any_of,
    unscored,
)
from adapters.search_index.texts import texts_of
from application.ports.checkpoints import Checkpoint, Fenced
from application.ports.read_models import (
    NO_SIDES,
    RELEVANCE,
    Condition,
    Cursor,
    Find,
    Index,
    Matches,
    Near,
    Row,
    SideChanges,
    UnreadableDocument,
)
from domain.sphere import km_between

D = TypeVar("D")
S = TypeVar("S")

_MOST_VALUES = 65_000
# The rows that are copied at once when deleted ones are purged.
_PART = 1000
# The rows that words of runs are completed from.
_SAMPLE = 50
# Added to the score of rows with a typing error, so that they follow all others.
_BELOW = -1e6


class TantivySearchIndex:
    """Builds in folders below one, with documents sealed by the key; or in memory without it."""

    def __init__(self, folder: Path | None = None, key: bytes | None = None) -> None:
        self._folder = folder
        self._seal = FolderSeal(key if folder else None)
        self._lock = Lock()
        self._builds: dict[tuple[str, int], StoredBuild] = {}

    def open(
        self, name: str, version: int, document: type[D], indexes: Sequence[Index]
    ) -> "TantivyModel[D]":
        schema = Schema(indexes)
        with self._lock:
            build = self._builds.get((name, version))
            if build is None:
                build = self._build(f"{name}.{version}", schema)
                if indexes:
                    self._builds[name, version] = build
        model = TantivyModel(build, schema, document, self._seal)
        model.create()
        return model

    def _build(self, name: str, schema: Schema) -> StoredBuild:
        if self._folder is None:
            return InMemory(schema)
        return InFolder(self._folder / name, schema, self._seal)

    def versions(self, name: str) -> list[int]:
        if self._folder is None:
            return sorted(
                version
                for (its_name, version), build in self._builds.items()
                if its_name == name and build.exists()
            )
        found = (path.parent.name for path in self._folder.glob(f"{name}.*/meta.json"))
        return sorted(int(build.removeprefix(f"{name}.")) for build in found)

    def close(self) -> None:
        """Release nothing: an index is open only while it is written."""


class TantivyModel(Generic[D]):
    """One build. Each commit of rows is one of tantivy's."""

    def __init__(
        self, build: StoredBuild, schema: Schema, document: type[D], seal: FolderSeal
    ) -> None:
        self._build = build
        self._seal = seal
        self._schema = schema
        self._decoder = decoder_of(document)
        self._encoder = msgspec.json.Encoder()
        self._texts = {
            index.name: texts_of(index) for index in schema.indexes.values() if index.kind == "text"
        }

    def create(self) -> None:
        """Make the build exist."""
        with self._build.exclusive():
            self._build.create()

    def exists(self) -> bool:
        return self._build.exists()

    def checkpoint(self) -> Checkpoint:
        return self._build.checkpoint()

    def side(self, row: type[S]) -> Any:
        raise ValueError(f"{row.__name__} is no declared side table")

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        if not keys:
            return {}
        searcher = self._build.searcher()
        found = searcher.search(self._questions().keys(keys), len(keys), count=False).hits
        return {key_of(searcher, at): self._document(searcher, at) for _, at in found}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        check(find, self._schema.indexes)
        if limit < 1:
            return []
        searcher = self._build.searcher()
        words = self._asked(find)
        hits = self._view(searcher).first(find, words, limit, after)
        return [self._row(searcher, hit, find.matches, words) for hit in hits]

    def count(self, find: Find) -> int:
        check(find, self._schema.indexes)
        searcher = self._build.searcher()
        return counted(searcher, self._view(searcher).matching(find, self._asked(find)))

    def facets(self, find: Find, field: str, *, limit: int) -> Mapping[str, int]:
        check(find, self._schema.indexes)
        check_values(field, self._schema.indexes)
        searcher = self._build.searcher()
        query = self._view(searcher).matching(find, self._asked(find))
        terms = {"field": self._schema.values(field), "size": _MOST_VALUES}
        found = searcher.aggregate(query, {"values": {"terms": terms}})["values"]["buckets"]
        values = {
            str(value): bucket["doc_count"]
            for bucket in found
            if (value := decoded(bucket["key"])) is not None
        }
        return dict(sorted(values.items(), key=lambda one: (-one[1], one[0]))[:limit])

    def suggest(self, matches: Matches, find: Find, *, limit: int) -> Sequence[str]:
        check(replace(find, matches=matches), self._schema.indexes)
        words = asked(matches.text, typing=True)
        if limit < 1 or not words or not words[-1].is_unfinished:
            return []
        *before, last = words
        names = matches.names or tuple(self._texts)
        searcher = self._build.searcher()
        view = self._view(searcher)
        among = view.among(find.where, before, names)
        endings = view.written(among, last, names, limit, partial(self._written, searcher, names))
        return [matches.text[: last.start] + ending for ending in endings]

    def _written(
        self, searcher: Searcher, names: Sequence[str], word: Word, address: DocAddress
    ) -> list[str]:
        """Return the words of a row that begin with an unfinished word, as they are written."""
        document = self._document(searcher, address)
        texts = (text for name in names for text in self._texts[name](document))
        return list(completions(texts, word))

    def commit(
        self,
        changes: Mapping[str, D | None],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None:
        for row in sides:
            self.side(row)
        rows = {key: self._stored(key, document) for key, document in changes.items()}
        with self._build.exclusive():
            if not self.exists() or self.checkpoint().revision + 1 != checkpoint.revision:
                raise Fenced
            self._write(rows, checkpoint)

    def _write(self, rows: Mapping[str, tantivy.Document | None], checkpoint: Checkpoint) -> None:
        with unavailable():
            writer = self._build.writer()
            # Without any change, tantivy would make no commit.
            for key, row in (rows or {"": None}).items():
                writer.delete_documents_by_term(KEY, encoded_text(key))
                if row is not None:
                    writer.add_document(row)
            self._build.announce(checkpoint)
            writer.commit()
            self._build.hold()
            self._build.committed()
            # The writer merges small segments.
            writer.wait_merging_threads()

    def drop(self) -> None:
        with self._build.exclusive():
            self._build.drop()

    def purge(self) -> None:
        keys = self._keys_beside_deleted()
        for start in range(0, len(keys), _PART):
            self._copy(keys[start : start + _PART])
        self._build.overwrite()

    def _keys_beside_deleted(self) -> list[str]:
        """Return the rows of the segments that hold deleted ones. tantivy has no order to merge."""
        with self._build.exclusive():
            if not self.exists():
                return []
            searcher, dirty = self._build.searcher(), self._build.dirty()
        count = searcher.num_docs
        found = searcher.search(Query.all_query(), max(count, 1), count=False, order_by_field=KEY)
        return [
            decoded_text(key)
            for key, address in found.hits
            if dirty is None or address.segment_ord in dirty
        ]

    def _copy(self, keys: Sequence[str]) -> None:
        """Write rows again. A segment disappears with its last row."""
        with self._build.exclusive():
            if self.exists():
                rows = {key: self._stored(key, row) for key, row in self.get(keys).items()}
                self._write(rows, self.checkpoint())

    def _questions(self) -> Questions:
        return Questions(self._schema, self._build.index)

    def _view(self, searcher: Searcher) -> "_View":
        return _View(searcher, self._schema, self._questions())

    def _asked(self, find: Find) -> list[Word] | None:
        matches = find.matches
        return None if matches is None else asked(matches.text, typing=matches.typing)

    def _stored(self, key: str, document: D | None) -> tantivy.Document | None:
        if document is None:
            return None
        body = self._seal.close(self._encoder.encode(document))
        return self._schema.document(key, body, document)

    def _document(self, searcher: Searcher, address: DocAddress) -> D:
        try:
            return self._decoder.decode(self._seal.open(bytes(searcher.doc(address)[BODY][0])))
        except ValueError as error:
            raise UnreadableDocument("the search index") from error

    def _row(
        self, searcher: Searcher, hit: Hit, matches: Matches | None, words: list[Word] | None
    ) -> Row[D]:
        document = self._document(searcher, hit.address)
        if matches is None or words is None:
            return Row(hit.key, document, hit.score)
        names = matches.names or tuple(self._texts)
        found = {name: fragment(self._texts[name](document), words) for name in names}
        fragments = {name: one for name, one in found.items() if one is not None}
        return Row(hit.key, document, hit.score, fragments)


class _View:
    """Answers from one state of the index."""

    def __init__(self, searcher: Searcher, schema: Schema, questions: Questions) -> None:
        self._searcher = searcher
        self._schema = schema
        self._questions = questions

    def first(
        self, find: Find, words: list[Word] | None, limit: int, after: Cursor | None
    ) -> list[Hit]:
        """Return the first rows after the cursor."""
        if find.order_by != RELEVANCE:
            ranking = ByValue(self._searcher, self._schema, self._questions, find)
            return ranking.first(self.matching(find, words), limit, after)
        best = ByRelevance(self._searcher, self._schema, self._questions, find.recency)
        exact, mistyped = self._queries(find, words)
        hits = [] if after and after.value < _BELOW / 2 else best.first(exact, limit, after)
        if mistyped is not None and len(hits) < limit:
            hits += best.first(mistyped(), limit - len(hits), after, _BELOW)
        return hits

    def among(self, where: Sequence[Condition], words: list[Word], names: Sequence[str]) -> Query:
        """Return the rows that meet the conditions and have the words, if there are any."""
        queries = [unscored(self._questions.condition(one)) for one in where]
        if words:
            queries.append(self._questions.words(words, names, mistyped=False))
        return self._exact(where, queries or [Query.all_query()])

    def written(
        self,
        among: Query,
        word: Word,
        names: Sequence[str],
        limit: int,
        written: Callable[[Word, DocAddress], list[str]],
    ) -> list[str]:
        """Return the most frequent ways to complete a word, as rows write it."""
        if word.in_run:
            begun = all_of([among, self._questions.words([word], names, mistyped=False)])
            rows = self._searcher.search(begun, _SAMPLE, count=False).hits
            counts = Counter(chain.from_iterable(written(word, address) for _, address in rows))
            return sorted(counts, key=lambda one: (-counts[one], one))[:limit]
        found = (
            self._as_written(among, term, names, written)
            for term in self._terms(among, word, names, limit)
        )
        return [one for one in found if one is not None]

    def _terms(self, among: Query, word: Word, names: Sequence[str], limit: int) -> list[str]:
        """Return the most frequent terms that begin with a word."""
        counts: Counter[str] = Counter()
        for name in names:
            column = self._schema.words(name)
            for term, count in self._searcher.terms_with_prefix(column, word.form, among, limit):
                counts[term] += count
        return sorted(counts, key=lambda one: (-counts[one], one))[:limit]

    def _as_written(
        self,
        among: Query,
        term: str,
        names: Sequence[str],
        written: Callable[[Word, DocAddress], list[str]],
    ) -> str | None:
        word = Word(term, (term,), 1)
        query = all_of([among, self._questions.words([word], names, mistyped=False)])
        for _, address in self._searcher.search(query, 1, count=False).hits:
            for one in written(word, address):
                if fold(one) == term:
                    return one
        return None

    def matching(self, find: Find, words: list[Word] | None) -> Query:
        """Return all rows that the query finds."""
        exact, mistyped = self._queries(find, words)
        if mistyped is None:
            return exact
        if find.order_by == RELEVANCE:
            return any_of([exact, mistyped()])
        return exact if counted(self._searcher, exact) else mistyped()

    def _queries(
        self, find: Find, words: list[Word] | None
    ) -> tuple[Query, Callable[[], Query] | None]:
        """Return the rows that have the words, and, if asked, those with typing errors."""
        where = [unscored(self._questions.condition(one)) for one in find.where]
        if words is None:
            return self._exact(find.where, where or [Query.all_query()]), None
        names = self._names(find)
        exact = self._questions.words(words, names, mistyped=False)
        rows = self._exact(find.where, [exact, *where])

        def with_errors() -> Query:
            mistyped = self._questions.words(words, names, mistyped=True)
            return self._exact(find.where, [mistyped, *where]).and_must_not_match(rows)

        return rows, with_errors if any(word.may_be_mistyped for word in words) else None

    def _names(self, find: Find) -> Sequence[str]:
        asked = find.matches.names if find.matches else ()
        return asked or [
            index.name for index in self._schema.indexes.values() if index.kind == "text"
        ]

    def _exact(self, where: Sequence[Condition], queries: list[Query]) -> Query:
        """Return the rows that meet all queries, and lie in all circles."""
        query = all_of(queries)
        for one in where:
            if isinstance(one, Near):
                query = self._within(query, one)
        return query

    def _within(self, query: Query, circle: Near) -> Query:
        """Return the rows of the query, which lie in the box around a circle, without those
        outside of it."""
        count = counted(self._searcher, query)
        if not count:
            return query
        by_lat = self._schema.lat(circle.field)
        found = self._searcher.search(query, count, count=False, order_by_field=by_lat).hits
        addresses = [address for _, address in found]
        lons: Any = self._searcher.fast_field_values(self._schema.lon(circle.field), addresses)
        numbers: Any = self._searcher.fast_field_values(NUMBER, addresses)
        outside = [
            number
            for (lat, _), lon, number in zip(found, lons, numbers, strict=True)
            if km_between(circle, IndexedPoint(lat=lat, lon=lon)) > circle.km
        ]
        return query.and_must_not_match(self._questions.numbered(outside))


def counted(searcher: Searcher, query: Query) -> int:
    """Return the number of rows."""
    found: Any = searcher.search(query, 1)
    count: int = found.count
    return count
