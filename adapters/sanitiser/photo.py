"""Inside the sandbox: ``python -m adapters.sanitiser.photo FORMAT ORIGINAL RENDITION POSTER``.

A photo is decoded to pixels, turned upright, brought to sRGB and written anew. Exits with a
Refusal when it cannot be.
"""

import sys
from io import BytesIO
from pathlib import Path

import pillow_heif
from PIL import Image, ImageCms, ImageOps

from adapters.sanitiser.pictures import bare, write_poster
from adapters.sanitiser.refusals import Refusal

LONGEST_SIDE = 4096
MOST_PIXELS = 210_000_000  # A little above the largest sensors of phones.

# The check against MOST_PIXELS comes before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


def main(arguments: list[str]) -> int:
    decoder, original, rendition, poster = arguments
    pillow_heif.register_heif_opener(thumbnails=False)
    try:
        with Image.open(original, formats=[decoder]) as photo:
            if photo.width * photo.height > MOST_PIXELS:
                return Refusal.TOO_LARGE
            picture = clean(photo)
    except MemoryError:
        return Refusal.TOO_LARGE
    except Exception:  # noqa: BLE001 -- decoders raise anything when a file is damaged
        return Refusal.DAMAGED
    picture.save(rendition, "JPEG", quality=88, progressive=True)
    write_poster(picture, Path(poster))
    return 0


def clean(photo: Image.Image) -> Image.Image:
    # A JPEG can be decoded at half or a quarter of its size, which spares memory.
    photo.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    photo.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return bare(in_srgb(ImageOps.exif_transpose(photo)))


def in_srgb(photo: Image.Image) -> Image.Image:
    """Phones store wider colours than sRGB; without their profile these would look dull."""
    profile = photo.info.get("icc_profile")
    if not profile or photo.mode not in ("RGB", "CMYK"):
        return photo
    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(photo, own, srgb, outputMode="RGB") or photo
    except (ImageCms.PyCMSError, OSError):
        return photo


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
