"""The search index: a store of read models that are searched for words."""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from application.ports.read_models import Find, Index, Matches, ReadModel

D = TypeVar("D")


class SearchModel(ReadModel[D], Protocol[D]):
    """A build of a read model with "text" indexes. It has no side tables.

    ``find`` also takes ``Matches``: words are found in any script without case, accents and
    endings, and a word of Chinese, Thai or Korean wherever it begins. All words must occur, each in
    any of the texts, but for words such as "the". Of a long query the first words count.

    The order RELEVANCE, always descending, is log2(BM25) plus the time in half-lives of ``recency``
    (None counts as 1970). Rows of equal score follow by key. A commit between two pages may change
    scores a little. Rows with one typing error in a long word come after all others; in any other
    order they are found only if there are no others.

    No file or value of the index holds a word of a deleted or replaced document once ``purge`` has
    returned.
    """

    def facets(self, find: Find, field: str, *, limit: int) -> Mapping[str, int]:
        """Return the most frequent values of a "value" or "many" index, and how many rows have it.

        The most frequent come first, equal ones by value. None is not counted. Raises ValueError
        for a field without such an index.
        """
        ...

    def suggest(self, matches: Matches, find: Find, *, limit: int) -> Sequence[str]:
        """Return ways to complete the last word of the text, the most frequent first.

        A suggestion is the whole text, with the last word as documents that meet ``find`` write it.
        There are none if a space follows the last word. ``matches.typing`` is not used.
        """
        ...

    def purge(self) -> None:
        """Remove what deleted and replaced documents left in files. It may take a while."""
        ...


class SearchIndex(Protocol):
    """Builds of searchable read models. Which builds were begun, and which serves, is kept by
    ``ReadModels``.
    """

    def open(
        self, name: str, version: int, document: type[D], indexes: Sequence[Index]
    ) -> SearchModel[D]:
        """Return the build; create it if it does not exist.

        An existing build can be opened without its indexes, to read its checkpoint and to drop it.
        """
        ...

    def versions(self, name: str) -> list[int]:
        """Return the numbers of the builds that exist, ascending."""
        ...

    def close(self) -> None: ...


def is_searched(indexes: Sequence[Index]) -> bool:
    """Return whether a read model with these indexes belongs into the search index."""
    return any(index.kind == "text" for index in indexes)
