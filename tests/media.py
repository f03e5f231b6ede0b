"""Files with traces of their makers, as phones and office programs write them."""

import subprocess
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

from PIL import Image

Options = ParamSpec("Options")

# Whatever is planted says this somewhere, so that one search finds what was left.
SECRET = "Sunita-Gurung"
PLACE = "+27.5916+086.5640+8850/"
LATITUDE, LONGITUDE = (27.0, 35.0, 29.76), (86.0, 33.0, 50.4)
DAY = "2019-07-23T04:05:06Z"
# The UUID that announces the kind of user data; this one is x264's.
USER_DATA = f"dc45e9bd-e6d9-48b7-962c-d820d923eeef+{SECRET}-in-SEI"

EXIF_MAKE, EXIF_MODEL, EXIF_SOFTWARE, EXIF_ORIENTATION = 0x010F, 0x0110, 0x0131, 0x0112
EXIF_DATE, EXIF_ARTIST, EXIF_GPS = 0x0132, 0x013B, 0x8825
TURNED_RIGHT = 6
XMP = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><creator>{SECRET}</creator></x:xmpmeta>'

_TAGS = tuple(
    word
    for tag in (
        f"location={PLACE}",
        f"location-eng={PLACE}",
        f"creation_time={DAY}",
        f"artist={SECRET}",
        f"title={SECRET}",
        f"comment={SECRET}",
        f"make={SECRET} Phones",
        f"com.apple.quicktime.make={SECRET} Phones",
        f"com.apple.quicktime.location.ISO6709={PLACE}",
    )
    for word in ("-metadata", tag)
)
_TRACK_TAGS = ("-metadata:s", f"handler_name={SECRET}", "-metadata:s", f"title={SECRET}")


def made_once(
    make: Callable[Concatenate[Path, Options], Path],
) -> Callable[Concatenate[Path, Options], Path]:
    """Make each file once in a process and copy it afterwards: encoding takes long."""
    contents: dict[object, bytes] = {}

    @wraps(make)
    def copy(path: Path, /, *options: Options.args, **named: Options.kwargs) -> Path:
        key = (path.suffix, options, *named.items())
        if key not in contents:
            contents[key] = make(path, *options, **named).read_bytes()
        path.write_bytes(contents[key])
        return path

    return copy


@made_once
def photo_with_gps(path: Path, size: tuple[int, int] = (160, 120)) -> Path:
    """A photo in the format that the suffix names, lying on its side: red above, blue below."""
    photo = Image.new("RGB", size, "blue")
    photo.paste("red", (0, 0, size[0], size[1] // 2))
    photo.save(path, exif=_exif(), comment=SECRET, xmp=XMP.encode())
    return path


@made_once
def phone_photo(path: Path) -> Path:
    """A JPEG of 12 megapixels and some 6 MB, as grainy as phones make them in the dark."""
    photo = Image.effect_noise((4032, 3024), 40).convert("RGB")
    photo.save(path, quality=85, exif=_exif(), comment=SECRET, xmp=XMP.encode())
    return path


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[EXIF_MAKE], exif[EXIF_MODEL] = f"{SECRET} Phones", f"{SECRET} 12"
    exif[EXIF_SOFTWARE], exif[EXIF_ARTIST], exif[EXIF_DATE] = SECRET, SECRET, DAY
    exif[EXIF_ORIENTATION] = TURNED_RIGHT
    exif.get_ifd(EXIF_GPS).update({1: "N", 2: LATITUDE, 3: "E", 4: LONGITUDE})
    return exif


@made_once
def video_with_gps(path: Path, seconds: float = 1) -> Path:
    """H.264 and AAC in the container that the suffix names, with user data inside the stream."""
    return _ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc=size=160x120:rate=10:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-bsf:v", f"h264_metadata=sei_user_data={USER_DATA}", "-timecode", "01:02:03:04"),
        *(*_TAGS, *_TRACK_TAGS),
        # Tags as newer phones write them; others leave them in older atoms, such as ©xyz.
        *(("-movflags", "+use_metadata_tags") if path.suffix == ".mp4" else ()),
        path=path,
    )


@made_once
def phone_video(path: Path, seconds: float = 4) -> Path:
    """Some 5 MB of 720p a second."""
    picture = f"testsrc2=size=1280x720:rate=30:duration={seconds},noise=alls=60:allf=t"
    return _ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", f"sine=duration={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-b:v", "42M", "-minrate", "42M", "-maxrate", "42M", "-bufsize", "8M"),
        *("-bsf:v", f"h264_metadata=sei_user_data={USER_DATA}", "-timecode", "01:02:03:04"),
        *(*_TAGS, *_TRACK_TAGS, "-movflags", "+use_metadata_tags"),
        path=path,
    )


@made_once
def audio_with_tags(path: Path) -> Path:
    """A second of sound with tags and a cover, in the format that the suffix names."""
    cover = photo_with_gps(path.with_name(f"{path.stem}-cover.jpg"))
    with_cover = path.suffix in (".mp3", ".m4a", ".flac")
    return _ffmpeg(
        *("-f", "lavfi", "-i", "sine=duration=1", "-i", str(cover), "-map", "0:a"),
        *(("-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic") if with_cover else ()),
        *_TAGS,
        path=path,
    )


def pdf_with_author(path: Path, pages: int = 1) -> Path:
    """Black squares, with an author, a date, a script that runs on opening, and an attachment."""
    numbers = range(8, 8 + pages)
    bodies = {
        1: "<< /Type /Catalog /Pages 2 0 R /OpenAction 4 0 R /Names << /EmbeddedFiles "
        f"<< /Names [({SECRET}.txt) 6 0 R] >> >> >>",
        2: f"<< /Type /Pages /Count {pages} /Kids [{' '.join(f'{n} 0 R' for n in numbers)}] >>",
        3: f"<< /Author ({SECRET}) /Producer ({SECRET}) /CreationDate (D:20190723040506Z) >>",
        4: f"<< /S /JavaScript /JS (app.alert\\('{SECRET}'\\)) >>",
        5: _stream("0 0 72 72 re f"),
        6: f"<< /Type /Filespec /F ({SECRET}.txt) /EF << /F 7 0 R >> >>",
        7: _stream(SECRET),
    }
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 144 144] /Contents 5 0 R >>"
    path.write_bytes(_pdf(bodies | dict.fromkeys(numbers, page)))
    return path


def pdf_that_takes_long(path: Path, pages: int = 50) -> Path:
    """Some kilobytes that draw a million squares a page: each form draws the next ten times."""
    numbers = range(11, 11 + pages)
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 144 144] /Contents 4 0 R "
        "/Resources << /XObject << /F 5 0 R >> >> >>"
    )
    bodies = {
        1: "<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {pages} /Kids [{' '.join(f'{n} 0 R' for n in numbers)}] >>",
        3: "<< >>",
        4: _stream("/F Do"),
        **{number: _form("/F Do " * 10, number + 1) for number in range(5, 10)},
        10: _form("0 0 72 72 re f " * 10),
    }
    path.write_bytes(_pdf(bodies | dict.fromkeys(numbers, page)))
    return path


def _form(content: str, draws: int = 0) -> str:
    resources = f"/Resources << /XObject << /F {draws} 0 R >> >> " if draws else ""
    return (
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 144 144] {resources}"
        f"/Length {len(content)} >>\nstream\n{content}\nendstream"
    )


def _stream(content: str) -> str:
    return f"<< /Length {len(content)} >>\nstream\n{content}\nendstream"


def _pdf(bodies: dict[int, str]) -> bytes:
    content, offsets = "%PDF-1.4\n", ["0000000000 65535 f \n"]
    for number, body in sorted(bodies.items()):
        offsets.append(f"{len(content):010} 00000 n \n")
        content += f"{number} 0 obj\n{body}\nendobj\n"
    table = f"xref\n0 {len(offsets)}\n{''.join(offsets)}"
    trailer = f"trailer\n<< /Size {len(offsets)} /Root 1 0 R /Info 3 0 R >>"
    return f"{content}{table}{trailer}\nstartxref\n{len(content)}\n%%EOF\n".encode()


def _ffmpeg(*arguments: str, path: Path) -> Path:
    start = ("ffmpeg", "-nostdin", "-v", "error", "-y")
    subprocess.run([*start, *arguments, str(path)], check=True)
    return path
