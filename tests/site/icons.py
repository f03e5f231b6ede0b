"""Draw icon.svg in pixels: phones install a site only with such ones.

``python -m tests.site.icons`` writes the files that the site serves.
"""

from io import BytesIO

from PIL import Image, ImageDraw

from entrypoints.site.assets import STATIC
from entrypoints.site.phone import ICON_SIZES

GREEN, WHITE = "#0b6e4f", "#fff"
GRID = 64
STROKE = 7
LINES = (((20, 14), (20, 50)), ((44, 14), (24, 32), (44, 50)))
FINER = 4
"""Drawn this much larger and made smaller again, lines have smooth edges."""


def icon(size: int) -> bytes:
    """Return a PNG. It fills its square: phones round the corners themselves."""
    unit = size * FINER / GRID
    picture = Image.new("RGB", (size * FINER, size * FINER), GREEN)
    pen = ImageDraw.Draw(picture)
    for line in LINES:
        points = [(x * unit, y * unit) for x, y in line]
        pen.line(points, WHITE, round(STROKE * unit), joint="curve")
        for x, y in points:
            pen.circle((x, y), STROKE * unit / 2, WHITE)
    drawn = BytesIO()
    picture.resize((size, size), Image.Resampling.LANCZOS).save(drawn, "PNG", optimize=True)
    return drawn.getvalue()


if __name__ == "__main__":
    for each in ICON_SIZES:
        (STATIC / f"icon-{each}.png").write_bytes(icon(each))
