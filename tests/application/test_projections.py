"""Every event that a projection hears of is projected, or left out on purpose."""

import ast
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

import pytest

from application.engine import query_service, rows
from application.engine.fingerprint import modules
from application.engine.query_service import QueryService
from application.system import query_services
from application.updates import IGNORED, KINDS, TOPICS
from domain.catalog import EVENTS

SERVICES = {service.name: service for service in query_services()}


def known(topics: tuple[str, ...]) -> set[str]:
    """The stored names of all events of some topics."""
    return {name for name in EVENTS.types if name.partition(".")[0] in topics}


def projected(service: QueryService[Any]) -> set[str]:
    """The events that the code of a projection matches, or asks for by isinstance."""
    helpers = [each for each in modules(type(service)) if each not in (query_service, rows)]
    kinds = {kind for module in helpers for kind in _matched(module)}
    return {EVENTS.names[kind] for kind in kinds if kind in EVENTS.names} & known(service.topics)


def _matched(module: ModuleType) -> Iterator[type]:
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.MatchClass):
            yield _named(node.cls, module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
            found = _named(node.args[1], module)
            yield from get_args(found) or (found,)


def _named(expression: ast.expr, module: ModuleType) -> Any:
    return eval(ast.unparse(expression), vars(sys.modules[module.__name__]))  # noqa: S307 - our own code


@pytest.mark.parametrize("name", SERVICES)
def test_every_event_of_its_topics_is_projected_or_ignored_on_purpose(name: str) -> None:
    service = SERVICES[name]
    neither = known(service.topics) - projected(service) - set(service.ignores)
    assert not neither, f"project these in {name}, or add them to what it ignores"


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_ignored_that_does_not_exist_or_is_projected(name: str) -> None:
    service = SERVICES[name]
    ignored = set(service.ignores)
    assert ignored <= known(service.topics)
    assert not ignored & projected(service)


def test_every_event_is_told_as_an_update_or_ignored_on_purpose() -> None:
    assert KINDS.keys() | IGNORED == known(TOPICS), "add it to KINDS or to IGNORED"
    assert not KINDS.keys() & IGNORED


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_no_event_of_its_topics_touches_no_document(name: str) -> None:
    no_rows: Any = None
    SERVICES[name].project(object(), no_rows)
