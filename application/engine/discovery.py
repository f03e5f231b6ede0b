"""Finds query services and policies by their modules: the one allowed magic."""

from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass
from pkgutil import iter_modules
from typing import Any

import application.policies
import application.queries
from application.engine.policy import Policy
from application.engine.query_service import QueryService


def query_services() -> list[QueryService[Any]]:
    """One of every query service in ``application/queries``, by name."""
    found = [kind() for kind in _subclasses(application.queries, QueryService)]
    return sorted(found, key=lambda service: service.name)


def policy_types() -> list[type[Policy]]:
    """Every policy in ``application/policies``, by name."""
    return sorted(_subclasses(application.policies, Policy), key=lambda policy: policy.name)


def _subclasses(package: Any, base: type) -> Iterator[type]:
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        loaded = import_module(module.name)
        for _, kind in getmembers(loaded, isclass):
            if issubclass(kind, base) and kind is not base and kind.__module__ == module.name:
                yield kind
