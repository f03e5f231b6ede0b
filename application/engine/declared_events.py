"""Derive the events of a handler from the type annotation of its parameter ``event``."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args, get_type_hints

from application.ports.codec import EventCodec
from domain.catalog import EVENTS


def declared_events(handler: Callable[..., None]) -> tuple[str, ...]:
    """Return the stored names of the declared events, in the order of the declaration.

    A class with several stored names declares all of them. Raises TypeError if the annotation names
    anything but events of the catalog.
    """
    hint = get_type_hints(handler).get("event")
    kinds: tuple[Any, ...] = get_args(hint) or (hint,)
    if unknown := [kind for kind in kinds if kind not in EVENTS.types.values()]:
        raise TypeError(f"{handler.__qualname__}: event has {unknown}, not in the catalog")
    return stored_names(kinds)


def stored_names(kinds: Iterable[type]) -> tuple[str, ...]:
    """Return the stored names of these events, in their order."""
    return tuple(name for kind in kinds for name, known in EVENTS.types.items() if known is kind)


def topics_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the topics of events with these stored names, in order of appearance."""
    return tuple(dict.fromkeys(name.partition(".")[0] for name in names))


def is_decoded(name: str, handles: Sequence[str], codec: EventCodec) -> bool:
    """Return whether to decode an event of this stored name: it is declared, or it is unknown.

    Decoding an unknown one raises NewerProgram. It is not skipped, because a newer program might
    handle it.
    """
    return name in handles or not codec.knows(name)
