"""Find query services and policies by their modules: the one allowed magic."""

from importlib import import_module
from inspect import getmembers, isclass
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def subclasses(package: ModuleType, base: type[T]) -> list[type[T]]:
    """Return every subclass of ``base`` that a module of the package defines."""
    names = [module.name for module in iter_modules(package.__path__, f"{package.__name__}.")]
    return [
        kind
        for name in names
        for _, kind in getmembers(import_module(name), isclass)
        if issubclass(kind, base) and kind.__module__ == name
    ]
