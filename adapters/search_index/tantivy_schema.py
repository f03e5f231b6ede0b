"""The columns of a tantivy index, and the documents and queries over them.

Columns are numbered by their index, for a name may hold dots, which tantivy takes for a path.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any

import tantivy
from tantivy import Occur, Query

from adapters.read_models.indexing import Scalar, extractor, scalar
from adapters.search_index.analysis import Word, asked, joined, spoken, stems, terms
from adapters.search_index.circles import around
from adapters.search_index.columns import encoded, encoded_text, number
from adapters.search_index.texts import texts_of
from application.ports.read_models import (
    Between,
    Condition,
    Equals,
    HasWords,
    InBox,
    Index,
    Near,
    OneOf,
)

KEY, BODY, NUMBER = "k", "d", "n"

# How much more a word counts as it is written than a beginning, another form and a typing error.
AS_BEGUN, AS_STEM, AS_MISTYPED = 0.6, 0.4, 0.2

_WORDS = "spaces"
_NEITHER = Query.empty_query()


class Schema:
    """The columns of the indexes of one read model."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self.indexes = {index.name: index for index in indexes}
        self._numbers = {index.name: number for number, index in enumerate(indexes)}
        self._extractors = [(index, extractor(index)) for index in indexes if index.kind != "text"]
        self._texts = [(index, texts_of(index)) for index in indexes if index.kind == "text"]
        self.columns = self._build()

    def values(self, name: str) -> str:
        """Return the column with the encoded values of an index."""
        return f"v{self._numbers[name]}"

    def numbers(self, name: str) -> str:
        """Return the column with the numbers of a "value" index. None counts as 0."""
        return f"n{self._numbers[name]}"

    def lat(self, name: str) -> str:
        return f"y{self._numbers[name]}"

    def lon(self, name: str) -> str:
        return f"x{self._numbers[name]}"

    def words(self, name: str) -> str:
        """Return the column with the terms of a "text" index."""
        return f"t{self._numbers[name]}"

    def stems(self, name: str) -> str:
        return f"s{self._numbers[name]}"

    def prepare(self, index: tantivy.Index) -> None:
        """Make an index ready to be written and read with these columns."""
        splitter = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        index.register_tokenizer(_WORDS, splitter)
        index.config_reader("manual")

    def document(self, key: str, body: bytes, document: Any) -> tantivy.Document:
        """Return a row as it is stored. Raises ValueError if it cannot be."""
        row = tantivy.Document()
        row.add_text(KEY, encoded_text(key))
        row.add_integer(NUMBER, number_of(key))
        row.add_bytes(BODY, body)
        for index, extract in self._extractors:
            self._add(row, index, extract(document))
        texts = {index.name: texts(document) for index, texts in self._texts}
        around = spoken(chain.from_iterable(texts.values()))
        for name, its_texts in texts.items():
            row.add_text(self.words(name), joined(map(terms, its_texts)))
            row.add_text(self.stems(name), joined(stems(text, around) for text in its_texts))
        return row

    def _add(self, row: tantivy.Document, index: Index, value: Any) -> None:
        match index.kind:
            case "value":
                row.add_text(self.values(index.name), encoded(value))
                if not isinstance(value, str):
                    row.add_float(self.numbers(index.name), number(value or 0))
            case "many":
                for one in value:
                    row.add_text(self.values(index.name), encoded(one))
            case _ if value is not None:
                row.add_float(self.lat(index.name), value.lat)
                row.add_float(self.lon(index.name), value.lon)

    def _build(self) -> tantivy.Schema:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field(
            KEY, stored=True, fast=True, tokenizer_name="raw", index_option="basic"
        )
        builder.add_integer_field(NUMBER, indexed=True, fast=True)
        builder.add_bytes_field(BODY, stored=True)
        for index in self.indexes.values():
            self._declare(builder, index)
        return builder.build()

    def _declare(self, builder: tantivy.SchemaBuilder, index: Index) -> None:
        name = index.name
        match index.kind:
            case "value" | "many":
                builder.add_text_field(
                    self.values(name), fast=True, tokenizer_name="raw", index_option="basic"
                )
                if index.kind == "value":
                    builder.add_float_field(self.numbers(name), fast=True)
            case "point":
                builder.add_float_field(self.lat(name), fast=True)
                builder.add_float_field(self.lon(name), fast=True)
            case "text":
                builder.add_text_field(self.words(name), tokenizer_name=_WORDS)
                builder.add_text_field(self.stems(name), tokenizer_name=_WORDS, index_option="freq")
            case _:
                raise ValueError(f"a search index has no indexes of the kind {index.kind}")


class Questions:
    """Queries in tantivy's terms. Conditions do not change the score."""

    def __init__(self, schema: Schema, index: tantivy.Index) -> None:
        self._schema = schema
        self._columns = schema.columns
        self._index = index

    def keys(self, keys: Iterable[str]) -> Query:
        return Query.term_set_query(self._columns, KEY, [encoded_text(key) for key in keys])

    def numbered(self, numbers: Sequence[int]) -> Query:
        """Return the rows with these numbers."""
        return Query.term_set_query(self._columns, NUMBER, numbers) if numbers else _NEITHER

    def keys_beyond(self, key: str, *, descending: bool) -> Query:
        return self._beyond(KEY, encoded_text(key), descending=descending)

    def value(self, name: str, value: str) -> Query:
        """Return the rows with this encoded value."""
        return Query.term_query(self._columns, self._schema.values(name), value, "basic")

    def values_beyond(self, name: str, value: str, *, descending: bool) -> Query:
        return self._beyond(self._schema.values(name), value, descending=descending)

    def after(self, name: str, bound: float) -> Query:
        """Return the rows with a larger number in a "value" index."""
        column = self._schema.numbers(name)
        return Query.range_query(
            self._columns, column, tantivy.FieldType.Float, bound, include_lower=False
        )

    def condition(self, condition: Condition) -> Query:
        """Return the rows that meet the condition; of Near, those in a box around its circle."""
        column = self._schema.values(condition.field)
        match condition:
            case Equals(value=value):
                return self.value(condition.field, encoded(scalar(value)))
            case OneOf(values=values):
                codes = [encoded(scalar(value)) for value in values]
                return Query.term_set_query(self._columns, column, codes) if codes else _NEITHER
            case Between(least=least, below=below):
                return self._between(column, scalar(least), scalar(below))
            case InBox():
                return self._in_box(condition)
            case Near():
                return self._in_box(around(condition))
            case HasWords(text=text):
                return self.words(asked(text), (condition.field,), mistyped=False)

    def words(self, words: Sequence[Word], names: Sequence[str], *, mistyped: bool) -> Query:
        """Return the rows with all required words in some text."""
        if not words:
            return _NEITHER
        return Query.boolean_query(
            [
                (
                    Occur.Should if word.is_optional else Occur.Must,
                    self._word(word, names, mistyped=mistyped),
                )
                for word in words
            ]
        )

    def _word(self, word: Word, names: Sequence[str], *, mistyped: bool) -> Query:
        ways = [
            Query.boost_query(way, self._schema.indexes[name].weight * boost)
            for name in names
            for way, boost in self._ways(word, name, mistyped=mistyped and word.may_be_mistyped)
        ]
        return any_of(ways)

    def _ways(self, word: Word, name: str, *, mistyped: bool) -> Iterable[tuple[Query, float]]:
        column = self._schema.words(name)
        yield self._phrase(column, word.terms), 1
        if word.is_prefix:
            yield self._begun(column, word.terms), AS_BEGUN
        if word.loose:
            yield self._phrase(column, word.loose), AS_STEM
        if word.stems:
            stem = [self._term(self._schema.stems(name), stem) for stem in word.stems]
            yield Query.disjunction_max_query(stem), AS_STEM
        if mistyped:
            yield Query.fuzzy_term_query(self._columns, column, word.form, 1), AS_MISTYPED

    def _phrase(self, column: str, terms: Sequence[str]) -> Query:
        if len(terms) == 1:
            return self._term(column, terms[0])
        return Query.phrase_query(self._columns, column, list(terms))

    def _begun(self, column: str, terms: Sequence[str]) -> Query:
        if len(terms) == 1:
            return Query.fuzzy_term_query(self._columns, column, terms[0], 0, prefix=True)
        return Query.phrase_prefix_query(self._columns, column, list(terms))

    def _term(self, column: str, term: str) -> Query:
        return Query.term_query(self._columns, column, term, "freq")

    def _between(self, column: str, least: Scalar, below: Scalar) -> Query:
        low = f"[{encoded(least)}" if least is not None else "{0"
        return self._parsed(column, f"{low} TO {encoded(below) if below is not None else '*'}}}")

    def _beyond(self, column: str, value: str, *, descending: bool) -> Query:
        return self._parsed(column, f"[* TO {value}}}" if descending else f"{{{value} TO *]")

    def _parsed(self, column: str, bounds: str) -> Query:
        # Only tantivy's query language has ranges of texts.
        return self._index.parse_query(f"{column}:{bounds}")

    def _in_box(self, box: InBox) -> Query:
        lat, lon = self._schema.lat(box.field), self._schema.lon(box.field)
        band = self._range(lat, box.south, box.north)
        if box.west <= box.east:
            return all_of([band, self._range(lon, box.west, box.east)])
        sides = [self._range(lon, box.west, None), self._range(lon, None, box.east)]
        return all_of([band, any_of(sides)])

    def _range(self, column: str, least: float | None, most: float | None) -> Query:
        return Query.range_query(self._columns, column, tantivy.FieldType.Float, least, most)


def number_of(key: str) -> int:
    """Return a number for a row: tantivy finds sets of numbers sooner than sets of keys."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), signed=True)


def all_of(queries: Sequence[Query]) -> Query:
    """Return the rows that all queries return."""
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def any_of(queries: Sequence[Query]) -> Query:
    """Return the rows that one of the queries returns."""
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def unscored(query: Query) -> Query:
    """Return the same rows, without any effect on the score."""
    return Query.const_score_query(query, 0.0)
