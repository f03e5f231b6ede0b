"""Inside the sandbox: ``tool document ORIGINAL RENDITION POSTER``.

Each page is rendered to a picture, and the pictures become a new document. Scripts, attachments,
hidden text and metadata are not copied.
"""

import resource
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import pypdfium2
from PIL import Image
from pypdfium2.raw import FPDF_ERR_PASSWORD

from adapters.sanitiser.pictures import bare, write_poster
from adapters.sanitiser.refusals import MOST_PAGES, Refusal

MOST_PIXELS = 600_000_000  # Of all pages; 200 pages of A4 have 440 million.
PAGE_SECONDS = 5  # On the processor.
DOTS_PER_INCH = 150
LONGEST_SIDE = 2400
POINTS_PER_INCH = 72
# Otherwise Pillow writes the file's name and the time into the document.
UNNAMED = {"title": None, "creationDate": None, "modDate": None}


def draw(original: str, rendition: str, poster: str) -> int:
    try:
        with pypdfium2.PdfDocument(original) as document:
            if refusal := too_much(document):
                return refusal
            document.init_forms()
            bind(drawn(document), Path(rendition), Path(poster))
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == FPDF_ERR_PASSWORD
        return Refusal.LOCKED if locked else Refusal.DAMAGED
    return 0 if Path(rendition).exists() else Refusal.DAMAGED


def too_much(document: pypdfium2.PdfDocument) -> Refusal | None:
    """Return a refusal if there are too many or too large pages, before any is rendered."""
    if len(document) > MOST_PAGES:
        return Refusal.TOO_MANY_PAGES
    pages = (document.get_page_size(number) for number in range(len(document)))
    pixels = sum(width * height * scale(width, height) ** 2 for width, height in pages)
    return Refusal.PAGES_TOO_LARGE if pixels > MOST_PIXELS else None


def scale(width: float, height: float) -> float:
    """Return the pixels per point; fewer for very large pages."""
    return min(DOTS_PER_INCH / POINTS_PER_INCH, LONGEST_SIDE / max(width, height, 1))


def drawn(document: pypdfium2.PdfDocument) -> Iterator[tuple[Image.Image, float]]:
    """Yield each page as a picture, with its dots per inch."""
    for page in document:
        limit_page()
        pixels = scale(*page.get_size())
        bitmap = page.render(scale=pixels)
        yield bare(bitmap.to_pil()), pixels * POINTS_PER_INCH
        bitmap.close()
        page.close()


def limit_page() -> None:
    """Have the system end this process if the next page takes too much CPU time.

    A process without a limit of its own is not confined but part of a test."""
    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if most != resource.RLIM_INFINITY:
        page = min(most, int(process_time()) + PAGE_SECONDS + 1)
        resource.setrlimit(resource.RLIMIT_CPU, (page, most))


def bind(pages: Iterator[tuple[Image.Image, float]], rendition: Path, poster: Path) -> None:
    """Append the pages one by one, so that only one is in memory."""
    for number, (picture, dots) in enumerate(pages):
        if number == 0:
            write_poster(picture, poster)
        picture.save(rendition, "PDF", append=number > 0, resolution=dots, quality=80, **UNNAMED)
