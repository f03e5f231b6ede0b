"""End a rendition or poster with bytes that nobody can predict.

To decode and encode again is not enough. A small JPEG can come out byte for byte as it went in, and
two uploads of one file come out the same. Whoever has the file could then find it by its hash.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from struct import pack

from application.ports.sanitiser import SanitiserUnavailable

JPEG, PDF = "image/jpeg", "application/pdf"


def append_trailer(path: Path, media_type: str, trailer: str) -> None:
    """Append the trailer (ASCII) to a file of this type, where programs pass over it."""
    try:
        with path.open("ab") as file:
            file.write(_ENCODED[media_type](trailer.encode("ascii")))
    except OSError as error:
        raise SanitiserUnavailable("no memory is left to make evidence safe") from error


def _after_the_picture(trailer: bytes) -> bytes:
    """Return the bytes as they are. Decoders of JPEG stop at the end of the picture."""
    return trailer


def _comment(trailer: bytes) -> bytes:
    """Return a comment line of a PDF."""
    return b"%" + trailer + b"\n"


def _free_box(trailer: bytes) -> bytes:
    """Return a box of an MP4 file that is free space (ISO/IEC 14496-12, 8.1.2)."""
    return pack(">I", 8 + len(trailer)) + b"free" + trailer


_ENCODED: Mapping[str, Callable[[bytes], bytes]] = {
    JPEG: _after_the_picture,
    PDF: _comment,
    "video/mp4": _free_box,
    "audio/mp4": _free_box,
}
