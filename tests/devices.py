"""Files as phones, scanners, recorders and cameras write them; each was hard to read once."""

import os
import struct
import subprocess
import zlib
from array import array
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageCms

Colour = tuple[int, int, int]
# Skin, sky, a red coat, paper.
PATCHES: Sequence[Colour] = ((196, 148, 120), (92, 142, 198), (188, 32, 34), (238, 238, 238))
PATCH = 160
# Of Display P3, adapted to the white of profiles: what wide colours of phones are measured by.
P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
# A green that sRGB has not quite, in both spaces.
WIDE, NARROW = (60, 180, 75), (0, 183, 57)


def film(path: Path, *options: str, seconds: float = 1, size: str = "160x120") -> Path:
    """H.264, with sound as the options say; they come last."""
    picture = f"testsrc=size={size}:rate=10:duration={seconds}"
    return run_ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *options),
        path=path,
    )


def repeated(film: Path, path: Path, *, times: int) -> Path:
    """The film so many times on end. It is copied, not encoded, so that even a long one costs
    little to make."""
    return run_ffmpeg("-stream_loop", str(times - 1), "-i", str(film), "-c", "copy", path=path)


def wide_film(path: Path, curve: str) -> Path:
    """Patches in ten bits of BT.2020; with the curve of an HDR film, white stands for 203 nits, as
    in ITU-R BT.2408."""
    still = patches(path.with_suffix(".png"))
    plain = "format=gbrp,setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr"
    wide = f"zscale=p=2020:t={curve}:m=2020_ncl:r=limited:npl=203,format=yuv420p10le"
    said = f"log-level=none:colorprim=bt2020:transfer={curve}:colormatrix=bt2020nc"
    return run_ffmpeg(
        *("-loop", "1", "-i", str(still), "-frames:v", "5"),
        *("-vf", f"{plain},{wide}"),
        *("-c:v", "libx265", "-tag:v", "hvc1", "-preset", "ultrafast", "-x265-params", said),
        *("-color_primaries", "bt2020", "-color_trc", curve, "-colorspace", "bt2020nc"),
        path=path,
    )


def patches(path: Path) -> Path:
    """A PNG of the patches in a row."""
    picture = Image.new("RGB", (PATCH * len(PATCHES), PATCH))
    for number, colour in enumerate(PATCHES):
        picture.paste(colour, (number * PATCH, 0, (number + 1) * PATCH, PATCH))
    picture.save(path)
    return path


def first_frame(video: Path) -> Image.Image:
    """The first picture of a film, in sRGB."""
    path = video.with_name("frame.png")
    run_ffmpeg(
        *("-i", str(video), "-frames:v", "1", "-vf", "zscale=m=gbr:r=full,format=gbrp"), path=path
    )
    return Image.open(path)


def sound_in(path: Path, seconds: float = 2) -> Path:
    """AAC alone, in the container that the suffix names."""
    return run_ffmpeg(
        *("-f", "lavfi", "-i", f"sine=duration={seconds}", "-c:a", "aac", "-brand", "mp42"),
        path=path,
    )


def without_index(path: Path) -> Path:
    """What is left of an MP4 when the battery is empty before the camera has written the index."""
    whole = film(path)
    content = whole.read_bytes()
    path.write_bytes(content[: content.rindex(b"moov") - 4])
    return path


def empty_wav(path: Path) -> Path:
    """A header, and the place where the sound should be."""
    said = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", len(said)) + said + b"data" + bytes(4)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    return path


def grey_ramp(path: Path) -> Path:
    """256 levels from black to white in 16 bits of grey."""
    row = array("H", (level << 8 | level for level in range(256)))
    Image.frombytes("I;16", (256, 32), row.tobytes() * 32).save(path, "PNG")
    return path


def long_screenshot(path: Path) -> Path:
    """Bars as thick as the strokes of letters, all the way down."""
    page = Image.new("L", (1080, 14000), 255)
    bar = Image.new("L", (1000, 4), 0)
    for top in range(0, 14000, 8):
        page.paste(bar, (40, top))
    page.save(path, "PNG")
    return path


def wide_screenshot(path: Path, mode: str) -> Path:
    """One green in Display P3."""
    picture = Image.new("RGB", (64, 64), WIDE).convert(mode)
    picture.save(path, "PNG", icc_profile=display_p3())
    return path


def display_p3() -> bytes:
    """The profile of sRGB, with the colours of Display P3 in place of its own."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    for entry in range(132, 132 + 12 * count, 12):
        tag, offset = struct.unpack_from(">4sI", profile, entry)
        for place, value in enumerate(P3.get(tag, ())):
            struct.pack_into(">i", profile, offset + 8 + 4 * place, round(value * 65536))
    return bytes(profile)


def with_comment(path: Path, kind: bytes, letters: int) -> Path:
    """A red PNG whose comment is this long, before its pixels."""
    Image.new("RGB", (8, 8), "red").save(path, "PNG")
    content = path.read_bytes()
    text = b"x" * letters
    data = {
        b"tEXt": b"Comment\0" + text,
        b"zTXt": b"Comment\0\0" + zlib.compress(text),
        b"iTXt": b"Comment\0\1\0\0\0" + zlib.compress(text),
    }[kind]
    after_header = 8 + 25
    path.write_bytes(content[:after_header] + _chunk(kind, data) + content[after_header:])
    return path


def noise(path: Path, size: tuple[int, int], mode: str = "RGB", *, glaring: bool = False) -> Path:
    """Nothing compresses it. Glaring, it has only black, white and the purest colours."""
    width, height = size
    data = os.urandom(width * height * len(Image.new(mode, (1, 1)).tobytes()))
    if glaring:
        data = data.translate(bytes(255 * (byte & 1) for byte in range(256)))
    Image.frombytes(mode, size, data).save(path, compress_level=0)
    return path


def busy_pdf(path: Path) -> Path:
    """A page of ten thousands of transparent sheets, in less than 2,000 bytes."""
    drawing = b"/See gs 0 0 1000 1000 re f\n" * 50_000
    content = zlib.compress(zlib.compress(drawing, 9), 9)
    through = b"<< /ExtGState << /See << /ca 0.5 /BM /Luminosity >> >> >>"
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] /MediaBox [0 0 1000 1000] >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources " + through + b" >>",
        b"<< /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n" % len(content)
        + content
        + b"\nendstream",
    ]
    objects = b"".join(b"%d 0 obj\n%b\nendobj\n" % one for one in enumerate(bodies, 1))
    path.write_bytes(b"%PDF-1.4\n" + objects + b"trailer\n<< /Size 5 /Root 1 0 R >>\n%%EOF\n")
    return path


def run_ffmpeg(*arguments: str, path: Path) -> Path:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, str(path)], check=True)
    return path


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
