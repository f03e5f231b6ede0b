"""Make evidence safe to show: remove the data about where, when and with what it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from application.ports.unavailable import Unavailable
from domain.ids import MediaKind


class Unsafe(Exception):
    """The evidence cannot be made safe to show. Its owner reads the message, which says why."""


class SanitiserUnavailable(Unavailable):
    """A tool or disk space is missing; a retry with the same evidence may succeed."""


class NeedsLonger(Exception):
    """The given seconds did not suffice; more may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """The rendition and its JPEG poster, in one folder; poster and duration only where they apply.

    ``duration`` is in seconds. ``left_out`` says which part of the original is not shown and why;
    the owner reads it. It is empty if the rendition shows everything.
    """

    path: Path
    media_type: str
    duration: float | None = None
    poster: Path | None = None
    left_out: str = ""


class Sanitiser(Protocol):
    """Recognises uploaded files, and makes safe renditions of them."""

    @property
    def media_types(self) -> Mapping[MediaKind, Sequence[str]]:
        """The accepted media types, by kind."""
        ...

    def recognise(self, head: bytes) -> tuple[MediaKind, str] | None:
        """Return kind and media type by the first bytes (4 KiB suffice). None: not accepted."""
        ...

    def sanitise(
        self,
        kind: MediaKind,
        original: Path,
        folder: Path,
        *,
        trailer: str,
        within: float | None = None,
    ) -> Rendition:
        """Write a rendition without metadata into the empty folder, and return it.

        Rendition and poster end with the ``trailer`` (ASCII letters and digits): nobody who does
        not know it can predict their bytes. ``within`` is in seconds. Raises Unsafe, NeedsLonger,
        or SanitiserUnavailable if a retry may succeed.
        """
        ...
