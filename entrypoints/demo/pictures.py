"""The evidence of the town: drawn photos, and a video of a test picture."""

import io
import shutil
import subprocess
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw

WIDTH, HEIGHT, HOUSE = 480, 320, 60


def photo(luck: Random) -> bytes:
    """Draw a street at some time of day."""
    sky = (luck.randint(60, 200), luck.randint(90, 200), luck.randint(140, 255))
    wall = (sky[0] // 2, sky[1] // 2, sky[2] // 2)
    picture = Image.new("RGB", (WIDTH, HEIGHT), sky)
    draw = ImageDraw.Draw(picture)
    for left in range(0, WIDTH, HOUSE):
        top = luck.randint(HEIGHT // 4, HEIGHT * 2 // 3)
        draw.rectangle((left, top, left + HOUSE - 5, HEIGHT), fill=wall)
        for window in range(top + 15, HEIGHT - 20, 35):
            light = "khaki" if luck.random() < 0.4 else sky  # noqa: PLR2004 - the share of lit windows
            draw.rectangle((left + 18, window, left + 36, window + 16), fill=light)
    content = io.BytesIO()
    picture.save(content, "JPEG")
    return content.getvalue()


def video() -> bytes | None:
    """Make a video of two seconds. Returns None if ffmpeg is not installed."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    with TemporaryDirectory(prefix="klarity-demo-") as folder:
        path = Path(folder) / "video.mp4"
        picture = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=24:duration=2"]
        subprocess.run(  # noqa: S603 - neither program nor arguments are input
            [ffmpeg, "-v", "error", *picture, "-pix_fmt", "yuv420p", str(path)], check=True
        )
        return path.read_bytes()
