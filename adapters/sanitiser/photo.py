"""Inside the sandbox: ``tool photo FORMAT ORIGINAL RENDITION POSTER``.

A photo is decoded to pixels, converted to sRGB, scaled, turned upright and encoded again.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import pillow_heif
from PIL import Image, ImageCms, ImageFile, ImageOps
from PIL.PngImagePlugin import PngStream

from adapters.sanitiser.pictures import bare, write_jpeg, write_poster
from adapters.sanitiser.refusals import Refusal

MOST_PIXELS = 210_000_000  # Slightly more than the largest phone sensors have.
# Limits of the rendition. A very long picture is usually a screenshot: it keeps a readable width,
# within the pixels that a browser displays and the side that a JPEG can have.
LONGEST_SIDE = 4096
SHORTEST_SIDE = 1440
MOST_SHOWN = 30_000_000
LONGEST_JPEG = 65_000

ReadChunk = Callable[[PngStream, int, int], bytes]

# ``draw`` checks MOST_PIXELS itself, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


def draw(decoder: str, original: str, rendition: str, poster: str) -> int:
    pillow_heif.register_heif_opener(thumbnails=False)
    pass_over_long_texts()
    with Image.open(original, formats=[decoder]) as photo:
        if photo.width * photo.height > MOST_PIXELS:
            return Refusal.TOO_LARGE
        picture = clean(photo)
    write_jpeg(picture, Path(rendition))
    write_poster(picture, Path(poster))
    return 0


def pass_over_long_texts() -> None:
    """Skip PNG comments that are too long to unpack; they are not shown anyway."""
    for name in ("chunk_tEXt", "chunk_zTXt", "chunk_iTXt"):
        setattr(PngStream, name, lenient(getattr(PngStream, name)))


def lenient(read: ReadChunk) -> ReadChunk:
    def read_or_skip(stream: PngStream, position: int, length: int) -> bytes:
        try:
            return read(stream, position, length)
        except ValueError:
            file = cast(BinaryIO, stream.fp)
            file.seek(position)
            return ImageFile._safe_read(file, length)

    return read_or_skip


def clean(photo: Image.Image) -> Image.Image:
    size = shown_size(*photo.size)
    # The JPEG decoder can scale by a half or a quarter, which saves memory.
    photo.draft("RGB", size)
    picture = in_srgb(fitting(plain(photo), size), photo.info.get("icc_profile"))
    picture.info = photo.info  # It contains the orientation.
    return bare(ImageOps.exif_transpose(picture))


def fitting(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def shown_size(width: int, height: int) -> tuple[int, int]:
    """Return the size of the rendition, which is never larger than the original."""
    long, short = max(width, height), min(width, height)
    fits = max(LONGEST_SIDE / long, SHORTEST_SIDE / short)
    scale = min(1.0, fits, (MOST_SHOWN / (long * short)) ** 0.5, LONGEST_JPEG / long)
    return max(1, round(width * scale)), max(1, round(height * scale))


def plain(photo: Image.Image) -> Image.Image:
    """Return the pixels in a mode that can be scaled and colour-converted."""
    if photo.mode.startswith("I"):
        return photo.point(lambda value: value * (1 / 256)).convert("L")
    if photo.has_transparency_data:
        return photo.convert("RGBA")
    if photo.mode in ("L", "RGB", "CMYK"):
        return photo
    return photo.convert("L" if photo.mode == "1" else "RGB")


def in_srgb(photo: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the picture in sRGB. Phones use wider colours, which look dull without a profile."""
    if not profile:
        return photo
    mode = "RGBA" if photo.mode == "RGBA" else "RGB"
    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(photo, own, srgb, outputMode=mode) or photo
    except (ImageCms.PyCMSError, OSError):
        return photo
