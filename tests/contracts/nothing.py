"""Run a contract against an adapter that does nothing: every promise must fail."""

from collections.abc import Collection, Iterator, Mapping
from inspect import getmembers, isfunction, signature
from itertools import product
from typing import Any

import pytest


def assert_fails_against_nothing(
    contract: type, /, *, but: Collection[str] = (), **fixtures: object
) -> None:
    """Every test of the contract, and every case of it, must fail with these do-nothing fixtures.

    ``but`` names the tests that may pass: those of what must *not* happen.
    """
    tests = [(name, test) for name, test in getmembers(contract, isfunction) if name[:5] == "test_"]
    passed = {
        name
        for name, test in tests
        for case in _cases(test)
        if _passes(test, contract(), {**fixtures, **case})
    }
    assert tests
    assert sorted(passed) == sorted(but)


def _cases(test: Any) -> Iterator[Mapping[str, object]]:
    """The values of ``pytest.mark.parametrize``."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    for combination in product(*(mark.args[1] for mark in marks)):
        case: dict[str, object] = {}
        for mark, value in zip(marks, combination, strict=True):
            names = mark.args[0] if isinstance(mark.args[0], tuple) else (mark.args[0],)
            case.update(zip(names, value if len(names) > 1 else (value,), strict=True))
        yield case


def _passes(test: Any, instance: object, fixtures: Mapping[str, object]) -> bool:
    arguments = {name: fixtures[name] for name in list(signature(test).parameters)[1:]}
    try:
        test(instance, **arguments)
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 - however it fails, it fails
        return False
    return True
