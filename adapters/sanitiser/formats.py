"""Recognise the accepted files by their first bytes.

Type-guessing libraries know hundreds of types by loose signatures. Here each type also names the
one decoder that may read it, so that no tool guesses again.
"""

import re
from dataclasses import dataclass

from domain.ids import MediaKind


@dataclass(frozen=True, slots=True)
class Format:
    """``decoder`` is the name of ffmpeg's demuxer, or of Pillow's image format."""

    kind: MediaKind
    media_type: str
    decoder: str


MP4 = Format(MediaKind.VIDEO, "video/mp4", "mov")
QUICKTIME = Format(MediaKind.VIDEO, "video/quicktime", "mov")
THREE_GP = Format(MediaKind.VIDEO, "video/3gpp", "mov")
M4A = Format(MediaKind.AUDIO, "audio/mp4", "mov")
HEIC = Format(MediaKind.PHOTO, "image/heic", "HEIF")
WEBM = Format(MediaKind.VIDEO, "video/webm", "matroska")
MATROSKA = Format(MediaKind.VIDEO, "video/x-matroska", "matroska")

SIGNATURES = (
    (rb"\xff\xd8\xff", Format(MediaKind.PHOTO, "image/jpeg", "JPEG")),
    (rb"\x89PNG\r\n\x1a\n", Format(MediaKind.PHOTO, "image/png", "PNG")),
    (rb"RIFF.{4}WEBP", Format(MediaKind.PHOTO, "image/webp", "WEBP")),
    (rb"RIFF.{4}WAVE", Format(MediaKind.AUDIO, "audio/wav", "wav")),
    (rb"OggS\x00.{23}.{1,255}?\x80theora", Format(MediaKind.VIDEO, "video/ogg", "ogg")),
    (rb"OggS\x00", Format(MediaKind.AUDIO, "audio/ogg", "ogg")),
    (rb"fLaC", Format(MediaKind.AUDIO, "audio/flac", "flac")),
    (rb"ID3[\x02-\x04]", Format(MediaKind.AUDIO, "audio/mpeg", "mp3")),
    # The start of a layer III frame with a valid bit rate and sampling rate.
    (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]", Format(MediaKind.AUDIO, "audio/mpeg", "mp3")),
    (rb"\x1aE\xdf\xa3.{0,60}\x42\x82.{1,8}?webm", WEBM),
    (rb"\x1aE\xdf\xa3.{0,60}\x42\x82.{1,8}?matroska", MATROSKA),
    (rb".{4}ftyp(M4A |M4B )", M4A),
    (rb".{4}ftyp(heic|heix|mif1)", HEIC),
    (rb".{4}ftyp(3g[p2e-s])", THREE_GP),
    (rb".{4}ftypqt  ", QUICKTIME),
    (rb".{4}ftyp(isom|iso[2-9]|mp4[12]|avc1|dash|M4V[ HP]|MSNV|f4v |XAVC|NDS[CHMPSX])", MP4),
    # An unknown brand, in a file that declares compatibility with a known one.
    (rb".{4}ftyp.{4}.{4}(.{4}){0,30}?(isom|iso[2-9]|mp4[12]|avc1)", MP4),
    (rb".{4}(moov|mdat|wide|free|skip)", QUICKTIME),
    # Mail gateways and scanners put data before the header; readers search it this far.
    (rb".{0,1024}?%PDF-\d", Format(MediaKind.DOCUMENT, "application/pdf", "")),
)
COMPILED = tuple((re.compile(pattern, re.DOTALL), format_) for pattern, format_ in SIGNATURES)

MEDIA_TYPES = {
    kind: tuple(dict.fromkeys(each.media_type for _, each in SIGNATURES if each.kind is kind))
    for kind in MediaKind
}


def format_of(head: bytes) -> Format | None:
    """Return the format of a file that begins with these bytes, or None if it is not accepted."""
    return next((format_ for pattern, format_ in COMPILED if pattern.match(head)), None)
