"""The texts of a document that a "text" index holds."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from application.ports.read_models import Index


def texts_of(index: Index) -> Callable[[Any], list[str]]:
    """Return a function that gets the texts of an index from a document, without empty ones.

    A field is a text, None, a list of texts, or reaches with dots into documents or lists of them.
    """
    paths = [source.split(".") for source in index.sources]
    return lambda document: [text for path in paths for text in _texts(document, path) if text]


def _texts(value: Any, path: Sequence[str]) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from _texts(one, path)
    elif path:
        yield from _texts(getattr(value, path[0], None), path[1:])
