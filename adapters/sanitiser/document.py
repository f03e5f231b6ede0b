"""Inside the sandbox: ``python -m adapters.sanitiser.document ORIGINAL RENDITION POSTER``.

A document is drawn page by page, as on paper, and bound anew from the pictures: scripts,
attachments, hidden text and metadata stay behind. Exits with a Refusal when it cannot be.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
from PIL import Image
from pypdfium2.raw import FPDF_ERR_PASSWORD

from adapters.sanitiser.pictures import bare, write_poster
from adapters.sanitiser.refusals import Refusal

MOST_PAGES = 200
DOTS_PER_INCH = 150
LONGEST_SIDE = 2400
POINTS_PER_INCH = 72
# Pillow would write the file's name and the time of day into the document.
UNNAMED = {"title": None, "creationDate": None, "modDate": None}


def main(arguments: list[str]) -> int:
    original, rendition, poster = map(Path, arguments)
    try:
        with pypdfium2.PdfDocument(original) as document:
            if len(document) > MOST_PAGES:
                return Refusal.TOO_MANY_PAGES
            document.init_forms()
            bind(drawn(document), rendition, poster)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == FPDF_ERR_PASSWORD
        return Refusal.LOCKED if locked else Refusal.DAMAGED
    except (ValueError, LookupError, ArithmeticError):
        return Refusal.DAMAGED
    except MemoryError:
        return Refusal.TOO_LARGE
    return 0 if rendition.exists() else Refusal.DAMAGED


def drawn(document: pypdfium2.PdfDocument) -> Iterator[tuple[Image.Image, float]]:
    """Each page and its dots per inch, which are fewer for a poster on a wall."""
    for page in document:
        longest = max(*page.get_size(), 1)
        dots = min(DOTS_PER_INCH, LONGEST_SIDE * POINTS_PER_INCH / longest)
        bitmap = page.render(scale=dots / POINTS_PER_INCH)
        yield bare(bitmap.to_pil()), dots
        bitmap.close()
        page.close()


def bind(pages: Iterator[tuple[Image.Image, float]], rendition: Path, poster: Path) -> None:
    """Appends page after page, so that only one is held in memory."""
    for number, (picture, dots) in enumerate(pages):
        if number == 0:
            write_poster(picture, poster)
        picture.save(rendition, "PDF", append=number > 0, resolution=dots, quality=80, **UNNAMED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
