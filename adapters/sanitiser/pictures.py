"""Pictures reduced to their pixels."""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageFile

POSTER_SIZE = (640, 640)
BLOCK = 16  # A JPEG is coded in blocks: narrow pictures become wider.
MOST_BYTES = 8  # A pixel of the most glaring noise takes about half of this.


def bare(picture: Image.Image) -> Image.Image:
    """Return a copy of the pixels in RGB, on white where it is transparent, and of nothing else."""
    canvas = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        canvas.paste(picture, mask=picture)
    else:
        canvas.paste(picture.convert("RGB"))
    return canvas


def write_jpeg(picture: Image.Image, path: Path) -> None:
    """A progressive JPEG: shown while it loads, and coded in one piece, which must fit a buffer."""
    width, height = (side + BLOCK for side in picture.size)
    ImageFile.MAXBLOCK = max(1 << 16, width * height * MOST_BYTES)
    _save(picture, path, quality=88, progressive=True)


def write_poster(picture: Image.Image, path: Path) -> None:
    """A small JPEG of a bare picture."""
    poster = picture.copy()
    poster.thumbnail(POSTER_SIZE)
    _save(poster, path, quality=80)


def _save(picture: Image.Image, path: Path, **options: object) -> None:
    """By way of memory: where a file cannot grow, Pillow would leave half of it and no error."""
    encoded = BytesIO()
    picture.save(encoded, "JPEG", **options)
    path.write_bytes(encoded.getbuffer())
