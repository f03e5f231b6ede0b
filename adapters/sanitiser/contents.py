"""The contents of a recording, as ffmpeg lists them without decoding."""

import re
from dataclasses import dataclass
from pathlib import Path

from adapters.sanitiser.ffmpeg import Colours

FACT = re.compile(r"#(media_type|codec_id|dimensions) (\d+): (.+)")
PROGRESS = re.compile(r"(frame|out_time_us)= *(\d+)")
UNSAID = ("unknown", "N/A", "unspecified", "reserved")
BOX_HEADER = 8
MOST_BOXES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Codecs by ffmpeg's names, ``pixels`` per picture, and ``pictures`` and ``seconds`` in all."""

    picture: str | None = None
    sounds: tuple[str, ...] = ()
    pixels: int = 0
    pictures: int = 0
    seconds: float = 0

    @property
    def nothing_recorded(self) -> bool:
        return not self.pictures and not self.seconds

    @property
    def shows_pictures(self) -> bool:
        """Whether there are pictures. Phones also record sound alone into video containers."""
        return self.picture is not None and self.pictures > 0


def parse(answer: bytes) -> Contents:
    """Return the contents from the output of ``ffmpeg.list_contents``."""
    text = answer.decode(errors="replace")
    tracks: dict[int, dict[str, str]] = {}
    for fact, number, value in FACT.findall(text):
        tracks.setdefault(int(number), {})[fact] = value
    counted = {name: int(value) for name, value in PROGRESS.findall(text)}
    pictures = [track for track in tracks.values() if track.get("media_type") == "video"]
    sounds = [track for track in tracks.values() if track.get("media_type") == "audio"]
    return Contents(
        picture=pictures[0].get("codec_id") if pictures else None,
        sounds=tuple(track.get("codec_id", "") for track in sounds),
        pixels=_pixels(pictures[0].get("dimensions", "")) if pictures else 0,
        pictures=counted.get("frame", 0),
        seconds=counted.get("out_time_us", 0) / 1e6,
    )


def parse_colours(answer: bytes) -> Colours:
    """Return the colours from the output of ``ffmpeg.colours``."""
    lines = (line.partition("=") for line in answer.decode(errors="replace").splitlines())
    said = {name: value for name, _, value in lines if value not in UNSAID}
    return Colours(
        curve=said.get("color_transfer", ""),
        primaries=said.get("color_primaries", ""),
        matrix=said.get("color_space", ""),
    )


def _pixels(dimensions: str) -> int:
    found = re.fullmatch(r"(\d+)x(\d+)", dimensions.strip())
    return int(found[1]) * int(found[2]) if found else 0


def broke_off(original: Path) -> bool:
    """Return whether an MP4 or QuickTime film lacks its index, which cameras write last."""
    with original.open("rb") as file:
        kinds: list[bytes] = []
        size = original.stat().st_size
        while len(kinds) < MOST_BOXES and len(header := file.read(2 * BOX_HEADER)) >= BOX_HEADER:
            kinds.append(header[4:8])
            long = header[:4] == b"\0\0\0\1"
            length = int.from_bytes(header[8:] if long else header[:4]) or size
            if length < BOX_HEADER:
                break
            file.seek(length - len(header), 1)
    return b"mdat" in kinds and b"moov" not in kinds
