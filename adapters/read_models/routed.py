"""Read models in two stores: those with texts in a search index, and all others."""

from collections.abc import Sequence
from typing import Any, TypeVar

from application.ports.read_models import Build, Index, ReadModel, ReadModels, Side
from application.ports.rebuilds import RebuildState
from application.ports.search_index import SearchIndex, is_searched

D = TypeVar("D")


class RoutedReadModels:
    """Opens each read model in the store that its indexes need.

    Which builds were begun, which serves, and the states of rebuilds are kept in the store of the
    others.
    """

    def __init__(self, models: ReadModels, index: SearchIndex) -> None:
        self._models = models
        self._index = index

    def begin(self, name: str, fingerprint: str) -> Build:
        return self._models.begin(name, fingerprint)

    def builds(self, name: str) -> list[Build]:
        return self._models.builds(name)

    def open(
        self,
        name: str,
        version: int,
        document: type[D],
        indexes: Sequence[Index],
        sides: Sequence[Side[Any]] = (),
    ) -> ReadModel[D]:
        """Open the build. One that exists may be opened without its indexes, to be dropped."""
        if is_searched(indexes) or (not indexes and version in self._index.versions(name)):
            return self._index.open(name, version, document, indexes)
        return self._models.open(name, version, document, indexes, sides)

    def live_version(self, name: str) -> int:
        return self._models.live_version(name)

    def make_live(self, name: str, version: int) -> None:
        self._models.make_live(name, version)

    def versions(self, name: str) -> list[int]:
        return sorted({*self._models.versions(name), *self._index.versions(name)})

    def rebuild(self, name: str) -> RebuildState:
        return self._models.rebuild(name)

    def save_rebuild(self, name: str, state: RebuildState, *, live: int = 0) -> None:
        self._models.save_rebuild(name, state, live=live)

    def close(self) -> None:
        """Close nothing: the stores are closed by those who opened them."""
