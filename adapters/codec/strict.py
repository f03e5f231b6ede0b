"""Detect fields that this program does not know. msgspec ignores those of a dataclass.

Each event type gets a mirror: a struct of the same shape that refuses unknown fields, and accepts
any value in known ones.
"""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec


def mirror(kind: type, leaf: Any) -> type[msgspec.Struct]:
    """Return the mirror of a dataclass, and of the dataclasses that it contains.

    All other fields have the type ``leaf``, which accepts any value."""
    hints = get_type_hints(kind)
    return msgspec.defstruct(
        kind.__name__,
        [(each.name, _mirrored(hints[each.name], leaf), None) for each in fields(kind)],
        forbid_unknown_fields=True,
    )


def _mirrored(hint: Any, leaf: Any) -> Any:
    """Return the mirror for a type hint of a dataclass, optional or in a tuple; else ``leaf``."""
    if isinstance(hint, type) and is_dataclass(hint):
        return mirror(hint, leaf)
    match get_origin(hint), [kind for kind in get_args(hint) if kind is not NoneType]:
        case (origin, [type() as kind]) if origin in (Union, UnionType) and is_dataclass(kind):
            return mirror(kind, leaf) | None
        case (origin, [type() as kind, _]) if origin is tuple and is_dataclass(kind):
            return list[mirror(kind, leaf)]  # type: ignore[misc]  # made while running
    return leaf
