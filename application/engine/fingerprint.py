"""Compute the fingerprint of a read model: if it changes, the read model is rebuilt.

It covers the document, the side tables, the indexes and how they are stored, the code of the
projection and its helpers, and the declared events. It also covers the names of all events in its
topics: a program stops at an unknown one, so programs that know different events make different
builds. Comments and docstrings are left out.
"""

import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import EnumMeta
from functools import cache
from hashlib import sha256
from types import CodeType, ModuleType
from typing import Any, get_args, get_type_hints

from application.engine.query_service import QueryService
from application.ports.read_models import STORED_AS, Side
from domain.catalog import EVENTS, EventCatalog

HELPERS = "application.queries."


@cache
def fingerprint(service: QueryService[Any]) -> str:
    """Return the digest of the indexes, a dot, and the digest of everything covered."""
    return fingerprint_with(service, EVENTS)


def fingerprint_with(service: QueryService[Any], catalog: EventCatalog) -> str:
    """Return the fingerprint of a program that knows the events of this catalog."""
    indexes = f"{STORED_AS} {sorted(service.indexes, key=lambda index: index.name)}"
    parts = [
        f"{type(service).__qualname__} {service.version} {sorted(vars(service).items())}",
        indexes,
        *map(_source, modules(type(service))),
        *_shapes(service.document),
        *(part for side in service.sides for part in _side_table(side)),
        *_events(service, catalog),
    ]
    return f"{_digest(indexes)[:8]}.{_digest(*parts)[:24]}"


def answers_alike(one: str, other: str) -> bool:
    """Return whether builds with these fingerprints have the same indexes, so that one program can
    query both."""
    return one.partition(".")[0] == other.partition(".")[0]


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()


def _events(service: QueryService[Any], catalog: EventCatalog) -> Iterator[str]:
    """Yield the names of all events in its topics, and the structure of the declared ones."""
    for name, event_type in sorted(catalog.types.items()):
        if name.partition(".")[0] in service.topics:
            yield name
        if name in service.handles:
            yield str(catalog.version(name))
            yield from _shapes(event_type)


def _side_table(side: Side[Any]) -> tuple[str, ...]:
    row: object = side.row
    return repr(side.indexes), *_shapes(row)


@cache
def _shapes(kind: Any) -> tuple[str, ...]:
    """Return the structure of the dataclasses and enumerations that a type consists of."""
    found: dict[Any, str] = {}

    def look(kind: Any) -> None:
        if kind in found:
            return
        found[kind] = ""
        if is_dataclass(kind):
            hints = get_type_hints(kind)
            found[kind] = repr([(*_default(each), hints[each.name]) for each in fields(kind)])
            for hint in hints.values():
                look(hint)
        elif isinstance(kind, EnumMeta):
            found[kind] = repr([str(member) for member in kind])  # type: ignore[var-annotated]  # any members
        for inner in get_args(kind):
            look(inner)

    look(kind)
    return tuple(found.values())


def _default(field: Field[Any]) -> tuple[str, Any]:
    """Return a field's name and its default, which older events get for a missing field."""
    return field.name, () if field.default is MISSING else (field.default,)


def modules(kind: type) -> list[ModuleType]:
    """Return the modules of a projection, of its bases, and of the helpers that they import."""
    found: dict[str, ModuleType] = {}

    def look(name: str) -> None:
        if name not in found:
            found[name] = sys.modules[name]
            for helper in _imported(sys.modules[name]):
                look(helper)

    for base in kind.__mro__:
        if issubclass(base, QueryService):
            look(base.__module__)
    return [found[name] for name in sorted(found)]


def _imported(module: ModuleType) -> Iterator[str]:
    """Yield the modules of a module's helpers: other query modules, and functions of the domain."""
    for value in vars(module).values():
        home = getattr(value, "__module__", None) or ""
        if home.startswith(HELPERS) or (home.startswith("domain.") and inspect.isfunction(value)):
            yield home


@cache
def _source(module: ModuleType) -> str:
    """Return the code of a module as Python compiles it, without comments and docstrings.

    Compiling costs a quarter of looking through a syntax tree: that is many objects, and the
    garbage collector looks through all others of the program for them.
    """
    source = inspect.getsource(module)
    return _written(compile(source, module.__name__, "exec", dont_inherit=True, optimize=2))


def _written(code: CodeType) -> str:
    """Return what a piece of code does, as text: all of it but its place in the file."""
    inner = [_constant(each) for each in code.co_consts]
    return repr(
        (
            code.co_name,
            code.co_flags,
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_kwonlyargcount,
            code.co_names,
            code.co_varnames,
            code.co_freevars,
            code.co_cellvars,
            code.co_code,
            code.co_exceptiontable,
            inner,
        )
    )


def _constant(value: object) -> str:
    if isinstance(value, CodeType):
        return _written(value)
    # Python orders a set differently in each process.
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)
