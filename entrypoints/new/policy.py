"""Write a policy."""

from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from application.executors import Executors
from domain.catalog import EVENTS
from entrypoints.new.files import (
    CannotWrite,
    class_of,
    must_be_a_checkout,
    must_be_free,
    rendered,
    write,
)

FILES = {
    "application/policies/{module}.py": "policy.py.jinja",
    "tests/application/test_{module}.py": "test_policy.py.jinja",
}
GIVEN = {"by": "SYSTEM", "at": "cause.at"}


def write_policy(root: Path, name: str, on: str, give: str) -> list[Path]:
    """Write a policy that gives a command on an event, and its test.

    ``on`` and ``give`` are names of classes. The fields of the command are filled with the fields
    of the event that have the same names. Raises CannotWrite.
    """
    must_be_a_checkout(root)
    must_be_free(root, class_of(name))
    stored, event = _event(on)
    executor, command, aggregate = _command(give)
    values = {
        "name": name,
        "module": name.replace("-", "_"),
        "policy": class_of(name),
        "about": name.replace("-", " ").capitalize(),
        "stored": stored,
        "event": event,
        "command": command,
        "executor": executor,
        "context": _context(executor),
        "key": _key(event, aggregate),
        "arguments": _arguments(event, command),
    }
    return write(root, rendered(root, FILES, values))


def _event(name: str) -> tuple[str, type]:
    """Return the stored name of the event, and its class."""
    for stored, kind in EVENTS.types.items():
        if name in (kind.__name__, stored):
            return stored, kind
    raise CannotWrite(f"{name} is no event; domain/catalog.py has all of them.")


def _command(name: str) -> tuple[str, type, type]:
    """Return the executor of the command, the command's class, and that of the aggregate."""
    for executor, kind in get_type_hints(Executors).items():
        commands, aggregate, _ = get_args(kind)
        for command in get_args(commands) or (commands,):
            if getattr(command, "__name__", "") == name and not get_args(command):
                return executor, command, aggregate
    raise CannotWrite(f"{name} is no command, or one that needs facts (docs/extending.md).")


def _context(executor: str) -> str:
    """Return the context whose log the executor appends to."""
    events = get_args(get_type_hints(Executors)[executor])[2]
    kind = (get_args(events) or (events,))[0]
    return EVENTS.names[kind].partition(".")[0]


def _key(event: type, aggregate: type) -> str:
    """Return the field of the event that holds the id of the aggregate."""
    known = _names(event)
    ids = [name for name in (*_names(aggregate), *known) if name.endswith("_id") and name in known]
    if not ids:
        raise CannotWrite(f"{event.__name__} holds no id of a {aggregate.__name__}.")
    return ids[0]


def _arguments(event: type, command: type) -> dict[str, str]:
    """Return an expression for each field of the command that has no default."""
    known = {name: f"event.{name}" for name in _names(event)} | GIVEN
    needed = [field.name for field in _fields(command) if _is_required(field)]
    if missing := [name for name in needed if name not in known]:
        raise CannotWrite(
            f"{command.__name__} needs {', '.join(missing)}, which {event.__name__} does not have."
        )
    return {name: known[name] for name in needed}


def _fields(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


def _names(kind: type) -> list[str]:
    return [field.name for field in _fields(kind)]


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
