"""What a build of a read model was made by, in short: another program makes another build.

The fingerprint covers the document, the side tables, the indexes, the code of the projection and of
its helpers, the events that it declares, and the names of all events of its topics that the program
knows: at one that it does not know a program waits. Comments and docstrings do not count.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import EnumMeta
from functools import cache
from hashlib import sha256
from types import ModuleType
from typing import Any, get_args, get_type_hints

from application.engine.query_service import QueryService
from application.ports.read_models import Side
from domain.catalog import EVENTS, EventCatalog

HELPERS = "application.queries."


@cache
def fingerprint(service: QueryService[Any]) -> str:
    """The indexes' digest, a dot, and the digest of all that the build depends on."""
    return fingerprint_with(service, EVENTS)


def fingerprint_with(service: QueryService[Any], catalog: EventCatalog) -> str:
    """The fingerprint of a program that knows the events of this catalog."""
    indexes = repr(sorted(service.indexes, key=lambda index: index.name))
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
    """Whether builds with these fingerprints have the same indexes, and take the same questions."""
    return one.partition(".")[0] == other.partition(".")[0]


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()


def _events(service: QueryService[Any], catalog: EventCatalog) -> Iterator[str]:
    """The names of the events of its topics; of the declared ones all that they consist of."""
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
    """What the dataclasses and enumerations look like that a type consists of."""
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
    """A field's name and its default, which old events without the field are read with."""
    return field.name, () if field.default is MISSING else (field.default,)


def modules(kind: type) -> list[ModuleType]:
    """The modules of a projection and its bases, and those of the helpers that they import."""
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
    """Where a module's helpers come from: other modules of queries, and functions of the domain."""
    for value in vars(module).values():
        home = getattr(value, "__module__", None) or ""
        if home.startswith(HELPERS) or (home.startswith("domain.") and inspect.isfunction(value)):
            yield home


@cache
def _source(module: ModuleType) -> str:
    """The code of a module, without comments and docstrings."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _is_docstring(each)]  # type: ignore[attr-defined]  # it has a body
    return ast.dump(tree)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
