"""Make answers of what an engine found: what is the same for those that run on servers."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from adapters.read_models import indexing
from adapters.search_index.analysis import Word
from adapters.search_index.columns import decoded
from adapters.search_index.completion import completions
from adapters.search_index.fragments import fragment
from application.ports.read_models import Cursor, Find, Fragment, Index, OneOf

SAMPLE = 50
"""The rows whose words are counted for a suggestion."""

BELOW = -1e6
"""Added to the score of rows with a typing error, so that they follow all others."""

Texts = Mapping[str, Callable[[Any], list[str]]]
"""How to get the texts of each "text" index from a document, by the name of the index."""


def check_countable(field: str, indexes: Mapping[str, Index]) -> None:
    """Raise ValueError unless an index holds the values of the field."""
    indexing.check(Find(where=(OneOf(field, ()),)), indexes)


def counts_of(found: Iterable[tuple[str, int]], limit: int) -> dict[str, int]:
    """Return values with their counts, from encoded ones. None is left out."""
    counts = ((decoded(code), count) for code, count in found)
    return dict([(str(value), count) for value, count in counts if value is not None][:limit])


def fragments_of(
    texts: Texts, names: Sequence[str], document: Any, words: Sequence[Word]
) -> Mapping[str, Fragment]:
    """Return what was found in a document, by the names of "text" indexes; all without names."""
    found = {name: fragment(texts[name](document), words) for name in names or texts}
    return {name: one for name, one in found.items() if one is not None}


def completed(text: str, last: Word, texts: Iterable[Iterable[str]], limit: int) -> Sequence[str]:
    """Return the text with its last word completed in the ways that are most frequent in texts."""
    endings = Counter(chain.from_iterable(completions(its, last) for its in texts))
    best = sorted(endings, key=lambda ending: (-endings[ending], ending))
    return [text[: last.start] + ending for ending in best[:limit]]


def below(cursor: Cursor | None) -> Cursor | None:
    """Return where rows with a typing error begin after a cursor; None for their first."""
    if cursor is None or cursor.value > BELOW / 2:
        return None
    return Cursor(cursor.value - BELOW, cursor.key)
