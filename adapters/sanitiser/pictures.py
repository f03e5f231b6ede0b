"""Reduce pictures to pixels, and write them as JPEG."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageFile

POSTER_SIZE = (640, 640)
BLOCK = 16  # JPEG encodes blocks of 16 pixels, so narrow pictures become wider.
MOST_BYTES = 8  # A pixel of extreme noise takes about half of this.


def bare(picture: Image.Image) -> Image.Image:
    """Return a copy of the pixels in RGB, transparent ones on white, without any metadata."""
    canvas = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        canvas.paste(picture, mask=picture)
    else:
        canvas.paste(picture.convert("RGB"))
    return canvas


def write_jpeg(picture: Image.Image, path: Path) -> None:
    """Write a progressive JPEG. It is encoded in one buffer, whose size is set here."""
    width, height = (side + BLOCK for side in picture.size)
    ImageFile.MAXBLOCK = max(1 << 16, width * height * MOST_BYTES)
    _save(picture, path, quality=88, progressive=True)


def write_poster(picture: Image.Image, path: Path) -> None:
    """Write a small JPEG of the picture."""
    poster = picture.copy()
    poster.thumbnail(POSTER_SIZE)
    _save(poster, path, quality=80)


def _save(picture: Image.Image, path: Path, **options: object) -> None:
    """Encode in memory first: Pillow ignores the error if a file cannot grow."""
    encoded = BytesIO()
    picture.save(encoded, "JPEG", **options)
    path.write_bytes(encoded.getbuffer())
