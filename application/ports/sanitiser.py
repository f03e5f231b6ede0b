"""Making evidence safe to show: nothing of where, when and with what it was made stays in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from application.ports.unavailable import Unavailable
from domain.ids import MediaKind


class Unsafe(Exception):
    """This cannot be made safe to show; the message tells its owner why, in plain words."""


class SanitiserUnavailable(Unavailable):
    """A tool or the room to work in is missing: the same evidence may well succeed later."""


class NeedsLonger(Exception):
    """It cannot be done within the seconds given; with more it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """Files beside each other: what is served, and a JPEG poster for what has a picture.

    ``duration`` is in seconds, for what has one. ``left_out`` tells its owner what of the original
    is not shown, and why, in plain words; empty where all of it is.
    """

    path: Path
    media_type: str
    duration: float | None = None
    poster: Path | None = None
    left_out: str = ""


class Sanitiser(Protocol):
    @property
    def media_types(self) -> Mapping[MediaKind, Sequence[str]]:
        """The media types that are taken, by kind."""
        ...

    def recognise(self, head: bytes) -> tuple[MediaKind, str] | None:
        """Kind and media type by the first bytes (4 KiB suffice); None for what is not taken."""
        ...

    def sanitise(
        self, kind: MediaKind, original: Path, folder: Path, *, within: float | None = None
    ) -> Rendition:
        """Return a rendition without any metadata, written into the empty folder.

        ``within`` is in seconds. Raises Unsafe; NeedsLonger when those are over;
        SanitiserUnavailable when trying later makes sense.
        """
        ...
