"""A search index in Redis, for many machines: hashes, and an index of its search module for each
build.

A commit is a transaction that watches the checkpoint. The module indexes a hash as it is written,
so the next search sees it. Redis has to be a single server with replicas, not a cluster: the keys
of a build are in different slots.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Generic, TypeVar

import msgspec
from redis import Redis
from redis.exceptions import RedisError, WatchError

from adapters.documents import decoder_of
from adapters.search_index.analysis import Word, asked
from adapters.search_index.answers import (
    BELOW,
    SAMPLE,
    below,
    check_countable,
    completed,
    counts_of,
    fragments_of,
)
from adapters.search_index.checking import check
from adapters.search_index.columns import decoded_text
from adapters.search_index.redis_fields import BODY, KEY, RedisFields
from adapters.search_index.redis_questions import (
    COUNT,
    RANK,
    SCORED,
    VALUE,
    Step,
    filters_of,
    matching,
    most_frequent,
    one,
    page,
    query_of,
    ranked,
    score_of,
    some,
    total,
)
from adapters.search_index.redis_server import (
    TIMEOUT,
    Answer,
    aggregate,
    connect,
    create_index,
    drop_index,
    prepare,
    purge,
    unavailable,
)
from adapters.tls import USUAL, Tls
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.event_store import StoreUnavailable
from application.ports.read_models import (
    NO_SIDES,
    RELEVANCE,
    Cursor,
    Find,
    Index,
    Matches,
    Row,
    SideChanges,
    UnreadableDocument,
)

D = TypeVar("D")
S = TypeVar("S")

_checkpoints = msgspec.json.Decoder(Checkpoint)


class RedisSearchIndex:
    """Takes ``redis://...`` or ``rediss://...``: Redis 8, or Redis Stack 7.4.

    All keys begin with the prefix. The server is asked when a build is opened.
    """

    def __init__(
        self, url: str, prefix: str = "klarity", *, tls: Tls = USUAL, timeout: float = TIMEOUT
    ) -> None:
        self._client = connect(url, tls, timeout)
        self._prefix = prefix

    @classmethod
    def from_url(cls, url: str, prefix: str = "klarity", tls: Tls = USUAL) -> "RedisSearchIndex":
        """Return the index at this address, with default limits."""
        return cls(url, prefix, tls=tls)

    def open(
        self, name: str, version: int, document: type[D], indexes: Sequence[Index]
    ) -> "RedisSearchModel[D]":
        prepare(self._client)
        model = RedisSearchModel(
            self._client, RedisKeys(self._prefix, name, version), document, indexes
        )
        model.create()
        return model

    def versions(self, name: str) -> list[int]:
        with unavailable():
            return sorted(map(int, self._client.smembers(RedisKeys(self._prefix, name, 0).builds)))

    def close(self) -> None:
        self._client.close()


class RedisKeys:
    """The keys of a build."""

    def __init__(self, prefix: str, name: str, version: int) -> None:
        self.version = version
        self.builds = f"{prefix}:search:{name}:builds"
        self.index = f"{prefix}:search:{name}:{version}"
        self.checkpoint = f"{self.index}:checkpoint"
        self.rows = f"{self.index}:row:"

    def row(self, key: str) -> str:
        return self.rows + key


class RedisSearchModel(Generic[D]):
    """One build: a hash for each row, their index, and the checkpoint."""

    def __init__(
        self, client: Redis, keys: RedisKeys, document: type[D], indexes: Sequence[Index]
    ) -> None:
        self._client = client
        self._keys = keys
        self._fields = RedisFields(indexes)
        self._decoder = decoder_of(document)
        self._encoder = msgspec.json.Encoder()

    def create(self) -> None:
        """Create the index and the checkpoint if they are missing."""
        keys = self._keys
        with unavailable(), self._client.pipeline() as transaction:
            transaction.sadd(keys.builds, keys.version)
            transaction.setnx(keys.checkpoint, self._encoder.encode(START))
            transaction.execute()
        create_index(self._client, keys.index, keys.rows, self._fields.schema())

    def checkpoint(self) -> Checkpoint:
        with unavailable():
            stored = self._client.get(self._keys.checkpoint)
        return START if stored is None else _checkpoints.decode(stored)

    def side(self, row: type[S]) -> Any:
        raise ValueError(f"{row.__name__} is no declared side table")

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        with unavailable(), self._client.pipeline() as transaction:
            for key in keys:
                transaction.hget(self._keys.row(key), BODY)
            bodies = transaction.execute()
        found = zip(keys, bodies, strict=True)
        return {key: self._document(body) for key, body in found if body is not None}

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        check(find, self._fields.indexes)
        if limit < 1:
            return []
        words = self._asked(find)
        if find.order_by != RELEVANCE:
            steps = page(find, self._fields.columns, after, limit)
            found = self._ask(find, self._matching(find, words), steps)
            return [self._row(find, one, words) for one in found]
        return self._best(find, words or [], limit, after)

    def count(self, find: Find) -> int:
        check(find, self._fields.indexes)
        found = self._ask(find, self._matching(find, self._asked(find)), total())
        return sum(int(one[COUNT]) for one in found)

    def facets(self, find: Find, field: str, *, limit: int) -> Mapping[str, int]:
        check(find, self._fields.indexes)
        check_countable(field, self._fields.indexes)
        if limit < 1:
            return {}
        # One more, for None is no value.
        steps = most_frequent(self._fields.columns[field], limit + 1)
        found = self._ask(find, self._matching(find, self._asked(find)), steps)
        counts = ((one[VALUE].decode(), int(one[COUNT])) for one in found if one[VALUE])
        return counts_of(counts, limit)

    def suggest(self, matches: Matches, find: Find, *, limit: int) -> Sequence[str]:
        find = replace(find, matches=replace(matches, typing=True))
        check(find, self._fields.indexes)
        words = self._asked(find)
        if limit < 1 or not words or not words[-1].is_unfinished:
            return []
        found = self._ask(find, self._texts(find, words)[0], some(SAMPLE))
        documents = [self._document(one[BODY]) for one in found]
        texts = self._fields.texts
        its = (texts[name](one) for one in documents for name in matches.names or texts)
        return completed(matches.text, words[-1], its, limit)

    def purge(self) -> None:
        purge(self._client, self._keys.index, self._keys.rows)

    def commit(
        self,
        changes: Mapping[str, D | None],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None:
        for kind in sides:
            self.side(kind)
        rows = {self._keys.row(key): self._stored(key, row) for key, row in changes.items()}
        with unavailable(), _fenced(), self._client.pipeline() as transaction:
            transaction.watch(self._keys.checkpoint)
            self._fence(checkpoint, transaction.get(self._keys.checkpoint))
            transaction.multi()
            for key, row in rows.items():
                transaction.delete(key)
                if row is not None:
                    transaction.hset(key, items=row)
            transaction.set(self._keys.checkpoint, self._encoder.encode(checkpoint))
            transaction.execute()

    def drop(self) -> None:
        keys = self._keys
        with unavailable(), self._client.pipeline() as transaction:
            # The checkpoint goes first, which fences any other writer from then on.
            transaction.delete(keys.checkpoint)
            transaction.srem(keys.builds, keys.version)
            transaction.execute()
        drop_index(self._client, keys.index, keys.rows)

    def _best(
        self, find: Find, words: list[Word], limit: int, after: Cursor | None
    ) -> list[Row[D]]:
        """Return the rows with the words, and then those that have them with typing errors."""
        exact, mistyped = self._texts(find, words)
        rows: list[Row[D]] = []
        if after is None or after.value > BELOW / 2:
            rows = self._ranked(find, words, exact, limit, after)
        if mistyped and len(rows) < limit:
            query = f"({mistyped}) -({exact})"
            rest = self._ranked(find, words, query, limit - len(rows), below(after))
            rows += [replace(row, score=(row.score or 0) + BELOW) for row in rest]
        return rows

    def _ranked(
        self, find: Find, words: list[Word], text: str, limit: int, after: Cursor | None
    ) -> list[Row[D]]:
        columns = self._fields.columns
        steps = [*ranked(find.recency, columns), *page(find, columns, after, limit)]
        return [self._row(find, one, words) for one in self._ask(find, text, steps, SCORED)]

    def _asked(self, find: Find) -> list[Word] | None:
        """Return the words that are searched for; None if all rows are meant."""
        if find.matches is None:
            return None
        return asked(find.matches.text, typing=find.matches.typing)

    def _matching(self, find: Find, words: list[Word] | None) -> str:
        """Return the query for all rows that have the words."""
        if words is None:
            return ""
        exact, mistyped = self._texts(find, words)
        if find.order_by == RELEVANCE:
            return mistyped or exact
        return exact if not mistyped or self._ask(find, exact, one()) else mistyped

    def _texts(self, find: Find, words: list[Word]) -> tuple[str, str]:
        """Return the queries for rows with the words, and with typing errors in them."""
        names = (find.matches and find.matches.names) or self._fields.texts
        fields = [self._fields.columns[name] for name in names]
        exact = matching(words, fields, mistyped=False)
        if any(word.may_be_mistyped for word in words):
            return exact, matching(words, fields, mistyped=True)
        return exact, ""

    def _ask(
        self, find: Find, text: str, steps: Sequence[Step], options: Sequence[str] = ()
    ) -> list[Answer]:
        """Return what the steps make of the rows that have the words and meet the conditions."""
        columns = self._fields.columns
        query = f"{query_of(find.where, columns)} {text}".strip() or "*"
        filters = filters_of(find.where, columns)
        return aggregate(self._client, self._keys.index, query, [*options, *filters, *steps])

    def _row(self, find: Find, answer: Answer, words: Sequence[Word] | None) -> Row[D]:
        document = self._document(answer[BODY])
        score = score_of(answer[RANK]) if RANK in answer else None
        key = decoded_text(answer[KEY].decode())
        if words is None or find.matches is None:
            return Row(key, document, score)
        names = find.matches.names
        return Row(key, document, score, fragments_of(self._fields.texts, names, document, words))

    def _document(self, body: bytes) -> D:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise UnreadableDocument(self._keys.index) from error

    def _stored(self, key: str, document: D | None) -> list[str | bytes] | None:
        if document is None:
            return None
        return self._fields.stored(key, self._encoder.encode(document), document)

    def _fence(self, checkpoint: Checkpoint, stored: bytes | str | None) -> None:
        before = None if stored is None else _checkpoints.decode(stored).revision
        if before is None or before != checkpoint.revision - 1:
            raise Fenced


@contextmanager
def _fenced() -> Iterator[None]:
    """Raise Fenced if another writer moved the checkpoint meanwhile.

    The client reports a lost connection likewise. Whether the commit was done is then unknown.
    """
    try:
        yield
    except WatchError as error:
        if isinstance(error.__context__, RedisError):
            raise StoreUnavailable("Redis: the connection was lost") from None
        raise Fenced from None
