"""Decide by the marks of a document's fields what may be shown of it as it was."""

from collections.abc import Hashable
from dataclasses import is_dataclass, replace
from functools import cache
from typing import Any, get_type_hints

from application.engine.query_service import Private, Signed
from domain.personal import Personal


def redacted(then: Any, now: Any) -> Any:
    """Return the document as it was, without what has become private since.

    Personal values are shown only if the document still has them. Private fields are the current
    ones, because they decide who may see it. A signed text is the old one if its author is still
    named.
    """
    changes = {name: _shown(name, then, now) for name in marked_fields(then.__class__)}
    return replace(then, **changes)


def _shown(name: str, then: Any, now: Any) -> Any:
    mark = marked_fields(then.__class__)[name]
    before, after = getattr(then, name), getattr(now, name)
    match mark:
        case Private():
            return after
        case Signed(author=author):
            return before if getattr(now, author) else after
        case Personal():
            return _still_held(before, after)
        case _:
            return redacted(before, after) if before and after else None


def _still_held(before: Any, after: Any) -> Any:
    """Return the value if it is still the same; of a tuple, the items that are still there."""
    if before == after:
        return before
    if isinstance(before, tuple):
        return tuple(item for item in before if item in after)
    return "" if isinstance(before, str) else None


@cache
def marked_fields(kind: Hashable) -> dict[str, Any]:
    """Return the mark by field name; None for a nested dataclass with marks of its own."""
    hints = get_type_hints(kind, include_extras=True)
    marks = {name: _mark_of(hint) for name, hint in hints.items()}
    found = {name: mark for name, mark in marks.items() if mark}
    nested = {name: None for name, hint in hints.items() if name not in found and _nested(hint)}
    return {**found, **nested}


def _mark_of(hint: Any) -> Any:
    marks = getattr(hint, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, Private | Signed | Personal)), None)


def _nested(hint: Any) -> bool:
    """Return whether the type is a dataclass with marked fields, optional or not."""
    kinds = [kind for kind in getattr(hint, "__args__", (hint,)) if kind is not type(None)]
    return len(kinds) == 1 and is_dataclass(kinds[0]) and bool(marked_fields(kinds[0]))  # type: ignore[arg-type]  # every class is hashable
