"""A search index in OpenSearch or Elasticsearch, for many machines.

UNTESTED with a server, for none was at hand: its tests speak with a small imitation of one.

An index has no transactions. So a commit moves the checkpoint and writes its rows ahead in one
document, by compare-and-set, and then puts the rows in place; whoever finds such a document puts
them in place first. A row has the revision of its commit as its version, so a slow writer never
overwrites what a later commit wrote.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Generic, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    ConflictError,
    ImproperlyConfigured,
    NotFoundError,
    OpenSearchException,
    RequestError,
)

from adapters.documents import decoder_of
from adapters.mongo import StoreMisconfigured
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
from adapters.search_index.columns import decoded_text, encoded_text
from adapters.search_index.opensearch_questions import (
    BODY,
    Json,
    OpenSearchFields,
    both,
    filter_of,
    matching,
    most_frequent,
    page,
    ranked,
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

TIMEOUT = 20.0
PART = 1000
"""The rows that one request puts in place."""

_CONFLICT = 409
_MISSING = 404
# One shard counts and scores exactly. A deleted row is remembered for as long as a writer may be
# slow. A merge on request removes every deleted row.
_SETTINGS: Json = {
    "index.number_of_shards": 1,
    "index.gc_deletes": "1h",
    "index.merge.policy.expunge_deletes_allowed": 0,
}


class OpenSearchIndex:
    """Takes ``http://...`` or ``https://...``. All indexes begin with the prefix."""

    def __init__(self, client: OpenSearch, prefix: str = "klarity") -> None:
        self._client = client
        self._prefix = prefix

    @classmethod
    def from_url(cls, url: str, prefix: str = "klarity", tls: Tls = USUAL) -> "OpenSearchIndex":
        """Return the index at this address, with default limits."""
        return cls(connect(url, tls), prefix)

    def open(
        self, name: str, version: int, document: type[D], indexes: Sequence[Index]
    ) -> "OpenSearchModel[D]":
        commits = CommitsAhead(self._client, self._prefix, name, version)
        model = OpenSearchModel(commits, document, indexes)
        model.create()
        return model

    def versions(self, name: str) -> list[int]:
        return CommitsAhead(self._client, self._prefix, name, 0).versions()

    def close(self) -> None:
        self._client.close()


def connect(url: str, tls: Tls = USUAL) -> OpenSearch:
    """Return a client. It connects at the first request, and repeats none."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise StoreMisconfigured("The address of OpenSearch must be an http:// or https:// URL.")
    user = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    try:
        return OpenSearch(
            hosts=[f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"],
            http_auth=user,
            verify_certs=True,
            ca_certs=tls.ca or None,
            client_cert=tls.certificate or None,
            timeout=TIMEOUT,
            max_retries=0,
        )
    except (ImproperlyConfigured, ValueError):
        raise StoreMisconfigured("The address of OpenSearch is not valid.") from None


@contextmanager
def unavailable() -> Iterator[None]:
    """Raise StoreUnavailable in place of every error of the client.

    The client's messages may quote a document, so they are not passed on.
    """
    try:
        yield
    except OpenSearchException as error:
        raise StoreUnavailable(f"OpenSearch: {type(error).__name__}") from None


class CommitsAhead:
    """The checkpoint of one build, and the commits that move it."""

    def __init__(self, client: OpenSearch, prefix: str, name: str, version: int) -> None:
        self._client = client
        self._name, self._version = name, version
        self._id = f"{name}.{version}"
        self._builds = f"{prefix}-search-builds"
        self.rows = f"{prefix}-search-{name}-{version}".lower()
        # Rows are written by this alias: it is not made again by a writer that is too late.
        self._alias = f"{self.rows}-rows"

    def versions(self) -> list[int]:
        query = {"query": {"term": {"name": self._name}}, "size": PART, "_source": ["version"]}
        with unavailable():
            found = self._found(self._client.search, index=self._builds, body=query)
        return sorted(hit["_source"]["version"] for hit in found["hits"]["hits"])

    def create(self, mappings: Json) -> None:
        """Create the index and the checkpoint if they are missing."""
        properties = {"name": {"type": "keyword"}, "version": {"type": "integer"}}
        own = {"mappings": {"dynamic": False, "properties": properties}, "settings": _SETTINGS}
        rows = {"mappings": mappings, "settings": _SETTINGS, "aliases": {self._alias: {}}}
        start = {"name": self._name, "version": self._version, **_stored(START)}
        with unavailable():
            self._create_index(self._builds, own)
            self._create_index(self.rows, rows)
            with _accepted(ConflictError):
                self._client.create(index=self._builds, id=self._id, body=start, refresh=True)

    def drop(self) -> None:
        with unavailable():
            # The checkpoint goes first, which fences any other writer from then on.
            with _accepted(NotFoundError):
                self._client.delete(index=self._builds, id=self._id, refresh=True)
            with _accepted(NotFoundError):
                self._client.indices.delete(index=self.rows)

    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint, after all rows up to it are in place."""
        with unavailable():
            state = self._settled()
        return START if state is None else _checkpoint(state["_source"])

    def commit(self, rows: Mapping[str, Json | None], checkpoint: Checkpoint) -> None:
        """Commit the rows. Raises Fenced."""
        with unavailable():
            state = self._settled()
            if state is None or state["_source"]["revision"] != checkpoint.revision - 1:
                raise Fenced
            written = {
                **state["_source"],
                **_stored(checkpoint),
                "rows": list(rows.items()) or None,
            }
            try:
                self._put(state, written)
            except ConflictError:
                raise Fenced from None
            self._settled()

    def purge(self) -> None:
        with unavailable():
            for index in (self.rows, self._builds):
                self._client.indices.forcemerge(
                    index=index, params={"only_expunge_deletes": "true", "flush": "true"}
                )

    def get(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the documents that exist as JSON, by key."""
        ids = {encoded_text(key): key for key in keys}
        with unavailable():
            found = self._client.mget(index=self.rows, body={"ids": list(ids)})
        return {ids[one["_id"]]: one["_source"][BODY] for one in found["docs"] if one.get("found")}

    def search(self, body: Json) -> Json:
        """Return the answer to a search. It is empty if the index does not exist."""
        with unavailable():
            return self._found(self._client.search, index=self.rows, body=body)

    def count(self, query: Json) -> int:
        with unavailable():
            found = self._found(self._client.count, index=self.rows, body={"query": query})
        return int(found["count"])

    def _found(self, ask: Any, **request: Any) -> Json:
        try:
            answer: Json = ask(**request)
        except NotFoundError:
            return {"hits": {"hits": []}, "count": 0, "aggregations": {"values": {"buckets": []}}}
        return answer

    def _settled(self) -> Json | None:
        """Return the state after the rows that were written ahead are in place."""
        state = self._state()
        while state is not None and state["_source"]["rows"] is not None:
            self._put_in_place(state["_source"])
            with _accepted(ConflictError):
                self._put(state, {**state["_source"], "rows": None})
            state = self._state()
        return state

    def _state(self) -> Json | None:
        try:
            state: Json = self._client.get(index=self._builds, id=self._id)
        except NotFoundError:
            return None
        return state

    def _put(self, state: Json, source: Json) -> None:
        """Replace the state. Raises ConflictError if it is not the present one."""
        place = {"if_seq_no": state["_seq_no"], "if_primary_term": state["_primary_term"]}
        self._client.index(index=self._builds, id=self._id, body=source, params=place)

    def _put_in_place(self, source: Json) -> None:
        rows, revision = source["rows"], source["revision"]
        for start in range(0, len(rows), PART):
            lines = [
                line
                for key, row in rows[start : start + PART]
                for line in _write(key, row, revision)
            ]
            params = {"refresh": "true", "require_alias": "true"}
            answer = self._client.bulk(index=self._alias, body=lines, params=params)
            results = [result for item in answer["items"] for result in item.values()]
            # A later commit has written the row, the row to be deleted is missing, or the build.
            if any(one["status"] >= 400 and one["status"] not in _BENIGN for one in results):  # noqa: PLR2004
                raise StoreUnavailable("OpenSearch: a row was refused")

    def _create_index(self, name: str, body: Json) -> None:
        try:
            self._client.indices.create(index=name, body=body)
        except RequestError as error:
            if error.error != "resource_already_exists_exception":
                raise


_BENIGN = {_CONFLICT, _MISSING}


@contextmanager
def _accepted(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind:
        return


def _write(key: str, row: Json | None, revision: int) -> Iterator[Json]:
    about = {"_id": encoded_text(key), "version": revision, "version_type": "external_gte"}
    if row is None:
        yield {"delete": about}
    else:
        yield {"index": about}
        yield row


def _stored(checkpoint: Checkpoint) -> Json:
    return {
        "revision": checkpoint.revision,
        "positions": dict(checkpoint.positions),
        "parked": sorted(checkpoint.parked),
        "rows": None,
    }


def _checkpoint(stored: Json) -> Checkpoint:
    return Checkpoint(
        revision=stored["revision"],
        positions=stored["positions"],
        parked=frozenset(stored["parked"]),
    )


class OpenSearchModel(Generic[D]):
    """One build: an index, and the checkpoint."""

    def __init__(self, commits: CommitsAhead, document: type[D], indexes: Sequence[Index]) -> None:
        self._commits = commits
        self._fields = OpenSearchFields(indexes)
        self._decoder = decoder_of(document)
        self._encoder = msgspec.json.Encoder()

    def create(self) -> None:
        self._commits.create(self._fields.mappings())

    def checkpoint(self) -> Checkpoint:
        return self._commits.checkpoint()

    def side(self, row: type[S]) -> Any:
        raise ValueError(f"{row.__name__} is no declared side table")

    def drop(self) -> None:
        self._commits.drop()

    def purge(self) -> None:
        self._commits.purge()

    def get(self, keys: Sequence[str]) -> Mapping[str, D]:
        found = self._commits.get(keys) if keys else {}
        return {key: self._document(body) for key, body in found.items()}

    def commit(
        self,
        changes: Mapping[str, D | None],
        checkpoint: Checkpoint,
        sides: SideChanges = NO_SIDES,
    ) -> None:
        for kind in sides:
            self.side(kind)
        rows = {key: self._stored(key, row) for key, row in changes.items()}
        self._commits.commit(rows, checkpoint)

    def find(self, find: Find, *, limit: int, after: Cursor | None = None) -> list[Row[D]]:
        check(find, self._fields.indexes)
        if limit < 1:
            return []
        words = self._asked(find)
        if find.order_by == RELEVANCE:
            return self._best(find, words or [], limit, after)
        query = both(self._matching(find, words), self._filters(find))
        return self._rows(find, query, words, limit, after)

    def count(self, find: Find) -> int:
        check(find, self._fields.indexes)
        text = self._matching(find, self._asked(find))
        return self._commits.count(both(text, self._filters(find)))

    def facets(self, find: Find, field: str, *, limit: int) -> Mapping[str, int]:
        check(find, self._fields.indexes)
        check_countable(field, self._fields.indexes)
        if limit < 1:
            return {}
        query = both(self._matching(find, self._asked(find)), self._filters(find))
        # One more, for None is no value.
        answer = self._commits.search(most_frequent(query, self._fields.columns[field], limit + 1))
        buckets = answer["aggregations"]["values"]["buckets"]
        return counts_of(((one["key"], one["doc_count"]) for one in buckets), limit)

    def suggest(self, matches: Matches, find: Find, *, limit: int) -> Sequence[str]:
        find = replace(find, matches=replace(matches, typing=True), order_by="")
        check(find, self._fields.indexes)
        words = self._asked(find)
        if limit < 1 or not words or not words[-1].is_unfinished:
            return []
        query = both(self._texts(find, words)[0], self._filters(find))
        rows = self._rows(find, query, None, SAMPLE, None)
        texts = self._fields.texts
        its = (texts[name](row.document) for row in rows for name in matches.names or texts)
        return completed(matches.text, words[-1], its, limit)

    def _best(
        self, find: Find, words: list[Word], limit: int, after: Cursor | None
    ) -> list[Row[D]]:
        """Return the rows with the words, and then those that have them with typing errors."""
        exact, mistyped = self._texts(find, words)
        filters, rows = self._filters(find), list[Row[D]]()
        if after is None or after.value > BELOW / 2:
            rows = self._ranked(find, words, both(exact, filters), limit, after)
        if mistyped is not None and len(rows) < limit:
            query = both(mistyped, filters, excluded=exact)
            rest = self._ranked(find, words, query, limit - len(rows), below(after))
            rows += [replace(row, score=(row.score or 0) + BELOW) for row in rest]
        return rows

    def _ranked(
        self, find: Find, words: list[Word], query: Json, limit: int, after: Cursor | None
    ) -> list[Row[D]]:
        query = ranked(query, find.recency, self._fields.columns)
        return self._rows(find, query, words, limit, after)

    def _rows(
        self,
        find: Find,
        query: Json,
        words: Sequence[Word] | None,
        limit: int,
        after: Cursor | None,
    ) -> list[Row[D]]:
        body = page(find, query, self._fields.columns, after, limit)
        return [self._row(find, hit, words) for hit in self._commits.search(body)["hits"]["hits"]]

    def _row(self, find: Find, hit: Json, words: Sequence[Word] | None) -> Row[D]:
        document = self._document(hit["_source"][BODY])
        score = float(hit["sort"][0]) if find.order_by == RELEVANCE else None
        key = decoded_text(hit["sort"][-1])
        if words is None or find.matches is None:
            return Row(key, document, score)
        names = find.matches.names
        return Row(key, document, score, fragments_of(self._fields.texts, names, document, words))

    def _asked(self, find: Find) -> list[Word] | None:
        """Return the words that are searched for; None if all rows are meant."""
        if find.matches is None:
            return None
        return asked(find.matches.text, typing=find.matches.typing)

    def _matching(self, find: Find, words: list[Word] | None) -> Json | None:
        """Return the query for all rows that have the words; None for all rows."""
        if words is None:
            return None
        exact, mistyped = self._texts(find, words)
        if mistyped is None or find.order_by == RELEVANCE:
            return mistyped or exact
        return exact if self._commits.count(both(exact, self._filters(find))) else mistyped

    def _texts(self, find: Find, words: list[Word]) -> tuple[Json, Json | None]:
        """Return the queries for rows with the words, and with typing errors in them."""
        fields = self._fields
        names = (find.matches and find.matches.names) or tuple(fields.texts)
        weights = {fields.columns[name]: fields.indexes[name].weight for name in names}
        exact = matching(words, weights, mistyped=False)
        if any(word.may_be_mistyped for word in words):
            return exact, matching(words, weights, mistyped=True)
        return exact, None

    def _filters(self, find: Find) -> list[Json]:
        return [filter_of(one, self._fields.columns[one.field]) for one in find.where]

    def _document(self, body: str) -> D:
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            raise UnreadableDocument(self._commits.rows) from error

    def _stored(self, key: str, document: D | None) -> Json | None:
        if document is None:
            return None
        return self._fields.stored(key, self._encoder.encode(document).decode(), document)
