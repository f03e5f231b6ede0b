"""Show an event as it is stored: what is personal stays sealed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from application.ports.codec import RecordedEvent
from domain.catalog import EVENTS
from domain.personal import DataSubject, Personal

# The field of a stored event that holds what is encrypted.
SEALED = "sealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedEvent:
    """``fields`` can be read by anybody who has the log. ``sealed`` are the names of the others;
    ``opens`` are those that may be shown to an operator: never the id of a person, nor what is
    hidden because it tells which things are of the same person."""

    fields: Mapping[str, Any]
    sealed: tuple[str, ...]
    opens: tuple[str, ...]


def masked(event: RecordedEvent) -> MaskedEvent:
    """Return the event without decrypting anything."""
    data = json.loads(event.data)
    if data.pop(SEALED, None) is None:
        return MaskedEvent(fields=data, sealed=(), opens=())
    kind = EVENTS.types.get(event.type)
    marks = dict(_marked(kind)) if kind else {}
    return MaskedEvent(
        fields=data,
        sealed=tuple(name for name in marks if name not in data),
        opens=tuple(name for name, mark in marks.items() if mark == Personal()),
    )


def personal_values(decoded: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of the named fields of a decoded event."""
    return {name: _value(decoded, name) for name in names}


def _value(decoded: object, name: str) -> Any:
    for part in name.split("."):
        decoded = getattr(decoded, part, None)
    return decoded


def _marked(kind: Any) -> Iterator[tuple[str, Personal | DataSubject]]:
    """Yield the names of the marked fields with their marks. That of a nested field has a dot."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint = hints[field.name]
        marks = getattr(hint, "__metadata__", ())
        if mark := next((each for each in marks if isinstance(each, Personal | DataSubject)), None):
            yield field.name, mark
            continue
        for nested in (hint, *get_args(hint)):
            if isinstance(nested, type) and is_dataclass(nested):
                yield from ((f"{field.name}.{name}", mark) for name, mark in _marked(nested))
