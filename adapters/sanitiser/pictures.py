"""Pictures reduced to their pixels."""

from pathlib import Path

from PIL import Image

POSTER_SIZE = (640, 640)


def bare(picture: Image.Image) -> Image.Image:
    """A copy of the pixels in RGB, on white where it is transparent, and of nothing else."""
    canvas = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        canvas.paste(picture, mask=picture)
    else:
        canvas.paste(picture.convert("RGB"))
    return canvas


def write_poster(picture: Image.Image, path: Path) -> None:
    """A small JPEG of a bare picture."""
    poster = picture.copy()
    poster.thumbnail(POSTER_SIZE)
    poster.save(path, "JPEG", quality=80)
