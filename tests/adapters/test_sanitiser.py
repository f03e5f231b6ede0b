"""The sanitiser: renditions hold no trace of their makers, and hostile files are rejected."""

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import pytest
from PIL import Image, ImageCms
from pillow_heif import register_heif_opener
from pypdfium2 import PdfDocument

from adapters.sanitiser import document, ffmpeg, job, photo, sandbox, tool
from adapters.sanitiser.pictures import write_jpeg, write_poster
from adapters.sanitiser.refusals import Refusal
from adapters.sanitiser.sandbox import Isolations, ToolFailed, ToolLimits
from adapters.sanitiser.sandboxed import SandboxedSanitiser
from adapters.sanitiser.trailers import append_trailer
from application.ports.sanitiser import NeedsLonger, Rendition, SanitiserUnavailable, Unsafe
from domain.ids import MediaKind
from tests.adapters.sanitisers import TRAILER, open_sanitiser
from tests.media import (
    DAY,
    PLACE,
    SECRET,
    audio_with_tags,
    pdf_with_author,
    phone_photo,
    phone_video,
    photo_with_gps,
    video_with_gps,
)

Maker = Callable[[Path], Path]
Sanitise = Callable[[MediaKind, Path], Rendition]


class Made(NamedTuple):
    """How a file is made, and what should be made of it."""

    make: Maker
    suffix: str
    kind: MediaKind
    taken_as: str
    served_as: str

    def original(self, folder: Path) -> Path:
        return self.make(folder / f"original.{self.suffix}")


MADE = [
    Made(video_with_gps, "mp4", MediaKind.VIDEO, "video/mp4", "video/mp4"),
    Made(video_with_gps, "mov", MediaKind.VIDEO, "video/quicktime", "video/mp4"),
    Made(video_with_gps, "3gp", MediaKind.VIDEO, "video/3gpp", "video/mp4"),
    Made(video_with_gps, "mkv", MediaKind.VIDEO, "video/x-matroska", "video/mp4"),
    Made(photo_with_gps, "jpg", MediaKind.PHOTO, "image/jpeg", "image/jpeg"),
    Made(photo_with_gps, "png", MediaKind.PHOTO, "image/png", "image/jpeg"),
    Made(photo_with_gps, "webp", MediaKind.PHOTO, "image/webp", "image/jpeg"),
    Made(audio_with_tags, "mp3", MediaKind.AUDIO, "audio/mpeg", "audio/mp4"),
    Made(audio_with_tags, "m4a", MediaKind.AUDIO, "audio/mp4", "audio/mp4"),
    Made(audio_with_tags, "ogg", MediaKind.AUDIO, "audio/ogg", "audio/mp4"),
    Made(audio_with_tags, "wav", MediaKind.AUDIO, "audio/wav", "audio/mp4"),
    Made(audio_with_tags, "flac", MediaKind.AUDIO, "audio/flac", "audio/mp4"),
    Made(pdf_with_author, "pdf", MediaKind.DOCUMENT, "application/pdf", "application/pdf"),
]
each_format = pytest.mark.parametrize("made", MADE, ids=[made.suffix for made in MADE])

# What a player needs, and nothing of where, when, by whom and with what.
TECHNICAL = {
    "File": "FileType FileTypeExtension MIMEType ImageWidth ImageHeight EncodingProcess "
    "BitsPerSample ColorComponents YCbCrSubSampling",
    "JFIF": "JFIFVersion ResolutionUnit XResolution YResolution",
    "PDF": "PDFVersion Linearized PageCount",
    "QuickTime": "MajorBrand MinorVersion CompatibleBrands MovieHeaderVersion CreateDate "
    "ModifyDate TimeScale Duration PreferredRate PreferredVolume MatrixStructure PreviewTime "
    "PreviewDuration PosterTime SelectionTime SelectionDuration CurrentTime NextTrackID "
    "HandlerType HandlerVendorID MediaDataSize MediaDataOffset MediaData Free",
    "Track": "TrackHeaderVersion TrackCreateDate TrackModifyDate TrackID TrackDuration TrackLayer "
    "TrackVolume MatrixStructure ImageWidth ImageHeight MediaHeaderVersion MediaCreateDate "
    "MediaModifyDate MediaTimeScale MediaDuration MediaLanguageCode HandlerType "
    "HandlerDescription GraphicsMode OpColor CompressorID SourceImageWidth SourceImageHeight "
    "XResolution YResolution CompressorName BitDepth PixelAspectRatio BufferSize MaxBitrate "
    "AverageBitrate VideoFrameRate Balance AudioFormat AudioChannels AudioBitsPerSample "
    "AudioSampleRate AVCConfiguration SyncSampleTable TimeToSampleTable CompositionTimeToSample "
    "SampleToChunk SampleSizes ChunkOffset SampleGroupDescription SampleToGroup Unknown_edts "
    "Unknown_esds Unknown_btrt",
}
# Tags that could tell something, and all that they may say.
SILENT = {
    "CreateDate": {"0000:00:00 00:00:00"},
    "ModifyDate": {"0000:00:00 00:00:00"},
    "TrackCreateDate": {"0000:00:00 00:00:00"},
    "TrackModifyDate": {"0000:00:00 00:00:00"},
    "MediaCreateDate": {"0000:00:00 00:00:00"},
    "MediaModifyDate": {"0000:00:00 00:00:00"},
    "MediaLanguageCode": {"und"},
    "HandlerDescription": {"VideoHandler", "SoundHandler"},
    "CompressorName": {"Lavc libx264"},
    "Free": {f"(Binary data {size} bytes, use -b option to extract)" for size in (0, len(TRAILER))},
}
PLANTED = (SECRET.encode(), SECRET.encode("utf-16-le"), PLACE[:8].encode(), DAY[:10].encode())
WRITTEN_BY_TOOLS = (b"x264 - core", b"Lavc5", b"Lavf", b"Exif", b"Producer")


@pytest.fixture(name="sanitise")
def fixture_sanitise(tmp_path: Path) -> Callable[[MediaKind, Path], Rendition]:
    folder = tmp_path / "output"
    folder.mkdir()
    return lambda kind, original: open_sanitiser().sanitise(kind, original, folder, trailer=TRAILER)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that ffmpeg can play and that a playlist may name."""
    film = video_with_gps(tmp_path_factory.mktemp("hidden") / "hidden.mp4")
    subprocess.run(["ffmpeg", "-v", "quiet", "-i", film, "-f", "null", "-"], check=True)
    return film


def revealing_tags(*files: Path) -> list[str]:
    """Whatever exiftool finds that is not known to be harmless."""
    command = ["exiftool", "-json", "-a", "-u", "-ee", "-G1", *map(str, files)]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    return [
        f"{tag}={value}"
        for tags in json.loads(shown)
        for tag, value in tags.items()
        if not is_technical(tag, str(value))
    ]


def is_technical(tag: str, value: str) -> bool:
    group, _, name = tag.rpartition(":")
    if group in ("", "ExifTool", "System", "Composite"):
        return True  # Of the file in its folder, or computed from other tags.
    known = TECHNICAL.get(group.rstrip("0123456789"), "").split()
    return name in known and value in SILENT.get(name, {value})


def dimensions_only(width: int, height: int) -> bytes:
    """A PNG whose header promises many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT"


class TestRenditions:
    @each_format
    def test_a_file_is_recognised_by_its_first_bytes(self, made: Made, tmp_path: Path) -> None:
        head = made.original(tmp_path).read_bytes()[:4096]
        assert open_sanitiser().recognise(head) == (made.kind, made.taken_as)

    @each_format
    def test_a_rendition_holds_no_planted_trace(
        self, made: Made, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = made.original(tmp_path)
        assert SECRET.encode() in original.read_bytes()
        rendition = sanitise(made.kind, original)
        assert rendition.media_type == made.served_as
        files = list(filter(None, (rendition.path, rendition.poster)))
        assert revealing_tags(*files) == []
        shown = b"".join(file.read_bytes() for file in files)
        assert [trace for trace in (*PLANTED, *WRITTEN_BY_TOOLS) if trace in shown] == []

    @each_format
    def test_no_rendition_equals_its_original(self, made: Made, tmp_path: Path) -> None:
        """Neither the original, nor a rendition that somebody uploads again."""
        known, file = set(), made.original(tmp_path)
        for number in range(2):
            known.add(file.read_bytes())
            folder = tmp_path / str(number)
            folder.mkdir()
            trailer = f"{number:032}"
            rendition = open_sanitiser().sanitise(made.kind, file, folder, trailer=trailer)
            file = rendition.path
            shown = list(filter(None, (file, rendition.poster)))
            assert known.isdisjoint(each.read_bytes() for each in shown)

    def test_the_rendition_of_a_jpeg_that_encoding_does_not_change_differs_from_it(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        """An employer can give every suspect such a file, each a slightly different one."""
        original = tmp_path / "p.jpg"
        write_jpeg(Image.new("RGB", (160, 120), "grey"), original)
        rendition = sanitise(MediaKind.PHOTO, original)
        assert rendition.path.read_bytes() != original.read_bytes()

    def test_the_poster_of_a_small_jpeg_differs_from_it(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = tmp_path / "p.jpg"
        write_poster(Image.new("RGB", (160, 120), "grey"), original)
        poster = sanitise(MediaKind.PHOTO, original).poster
        assert poster
        assert poster.read_bytes() != original.read_bytes()

    def test_two_uploads_of_a_file_have_different_renditions(self, tmp_path: Path) -> None:
        original, shown = photo_with_gps(tmp_path / "p.jpg"), set()
        for trailer in ("0" * 32, "1" * 32):
            folder = tmp_path / trailer
            folder.mkdir()
            made = open_sanitiser().sanitise(MediaKind.PHOTO, original, folder, trailer=trailer)
            assert made.poster
            shown |= {made.path.read_bytes(), made.poster.read_bytes()}
        assert len(shown) == 4

    @pytest.mark.parametrize(
        ("make", "name", "kind"),
        [
            (phone_photo, "p.jpg", MediaKind.PHOTO),
            (partial(phone_video, seconds=1), "v.mp4", MediaKind.VIDEO),
        ],
        ids=["photo", "video"],
    )
    def test_a_rendition_of_a_large_file_holds_no_planted_trace(
        self, make: Maker, name: str, kind: MediaKind, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = make(tmp_path / name)
        assert original.stat().st_size > 3_000_000
        rendition = sanitise(kind, original)
        assert revealing_tags(rendition.path) == []
        assert [trace for trace in PLANTED if trace in rendition.path.read_bytes()] == []

    @each_format
    def test_the_search_for_traces_finds_the_traces_of_an_original(
        self, made: Made, tmp_path: Path
    ) -> None:
        assert revealing_tags(made.original(tmp_path))

    def test_heic_photos_are_accepted(self, tmp_path: Path, sanitise: Sanitise) -> None:
        register_heif_opener()
        original = photo_with_gps(tmp_path / "original.heic")
        assert revealing_tags(sanitise(MediaKind.PHOTO, original).path) == []

    def test_a_video_has_a_duration_and_a_poster(self, tmp_path: Path, sanitise: Sanitise) -> None:
        rendition = sanitise(MediaKind.VIDEO, video_with_gps(tmp_path / "v.mp4", seconds=2))
        assert rendition.duration == pytest.approx(2, abs=0.1)
        assert rendition.poster
        assert size(rendition.poster) == (160, 120)

    def test_webm_videos_are_accepted(self, tmp_path: Path, sanitise: Sanitise) -> None:
        original = tmp_path / "v.webm"
        convert(video_with_gps(tmp_path / "v.mp4"), original, "-c:v", "libvpx", "-c:a", "libopus")
        assert open_sanitiser().recognise(original.read_bytes()[:4096]) == (
            MediaKind.VIDEO,
            "video/webm",
        )
        assert sanitise(MediaKind.VIDEO, original).duration == pytest.approx(1, abs=0.1)

    def test_a_large_video_is_scaled_down(self, tmp_path: Path, sanitise: Sanitise) -> None:
        original = convert(
            video_with_gps(tmp_path / "v.mp4"), tmp_path / "large.mp4", "-vf", "scale=1080:1920"
        )
        poster = sanitise(MediaKind.VIDEO, original).poster
        assert poster
        assert size(poster) == (360, 640)

    def test_a_video_without_pictures_becomes_audio(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = convert(video_with_gps(tmp_path / "v.mp4"), tmp_path / "dark.mp4", "-vn")
        rendition = sanitise(MediaKind.VIDEO, original)
        assert (rendition.media_type, rendition.poster) == ("audio/mp4", None)

    def test_a_video_without_sound_is_accepted(self, tmp_path: Path, sanitise: Sanitise) -> None:
        original = convert(video_with_gps(tmp_path / "v.mp4"), tmp_path / "silent.mp4", "-an")
        assert sanitise(MediaKind.VIDEO, original).media_type == "video/mp4"

    def test_subtitles_with_locations_are_removed(self, tmp_path: Path, sanitise: Sanitise) -> None:
        subtitles = written(
            tmp_path / "s.srt", f"1\n00:00:00,000 --> 00:00:01,000\n{SECRET}\n".encode()
        )
        film = video_with_gps(tmp_path / "v.mkv")
        original = convert(film, tmp_path / "s.mp4", "-i", str(subtitles), "-c:s", "mov_text")
        assert b"tx3g" in original.read_bytes()
        rendition = sanitise(MediaKind.VIDEO, original)
        assert (rendition.media_type, revealing_tags(rendition.path)) == ("video/mp4", [])
        assert SECRET.encode() not in rendition.path.read_bytes()

    def test_a_truncated_recording_is_served_up_to_its_end(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = cut(video_with_gps(tmp_path / "v.mkv", seconds=4))
        duration = sanitise(MediaKind.VIDEO, original).duration
        assert duration
        assert 0 < duration < 4

    def test_a_photo_is_turned_upright(self, tmp_path: Path, sanitise: Sanitise) -> None:
        rendition = sanitise(MediaKind.PHOTO, photo_with_gps(tmp_path / "p.jpg"))
        with Image.open(rendition.path) as upright:
            assert upright.size == (120, 160)
            assert colour(upright, (100, 80)) == "red"
            assert colour(upright, (20, 80)) == "blue"

    def test_a_document_keeps_the_number_and_size_of_its_pages(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        rendition = sanitise(MediaKind.DOCUMENT, pdf_with_author(tmp_path / "d.pdf", pages=3))
        with PdfDocument(rendition.path) as pages:
            assert [pages.get_page_size(number) for number in range(len(pages))] == [(144, 144)] * 3
        for active in (b"/JavaScript", b"/OpenAction", b"/EmbeddedFiles", b"/Info"):
            assert active not in rendition.path.read_bytes()


class TestRefusals:
    @pytest.mark.parametrize(
        "head",
        [
            b"just some text",
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
            b"ffconcat version 1.0\nfile /etc/passwd\n",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<!DOCTYPE html>",
            b"GIF89a",
            b"PK\x03\x04",
            b"\x7fELF",
            b"\xff\xf1\x50\x80",
            b"",
        ],
    )
    def test_other_file_types_are_refused(
        self, head: bytes, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        assert open_sanitiser().recognise(head) is None
        with pytest.raises(Unsafe, match="kind of file is not accepted"):
            sanitise(MediaKind.VIDEO, written(tmp_path / "film.mp4", head))

    def test_a_file_of_another_kind_than_announced_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        with pytest.raises(Unsafe, match="kind of file is not accepted"):
            sanitise(MediaKind.VIDEO, photo_with_gps(tmp_path / "p.jpg"))

    @pytest.mark.parametrize(
        ("make", "name", "kind"),
        [
            (photo_with_gps, "p.jpg", MediaKind.PHOTO),
            (photo_with_gps, "p.png", MediaKind.PHOTO),
        ],
    )
    def test_a_truncated_photo_or_document_is_refused(
        self, make: Maker, name: str, kind: MediaKind, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        with pytest.raises(Unsafe, match="damaged"):
            sanitise(kind, cut(make(tmp_path / name)))

    @pytest.mark.parametrize(
        ("head", "kind"),
        [
            (b"\x00\x00\x00\x18ftypmp42", MediaKind.VIDEO),
            (b"\x1aE\xdf\xa3\x93\x42\x82\x88matroska", MediaKind.VIDEO),
            (b"\xff\xd8\xff\xe0", MediaKind.PHOTO),
            (b"OggS\x00", MediaKind.AUDIO),
            (b"ID3\x04", MediaKind.AUDIO),
            (b"%PDF-1.7", MediaKind.DOCUMENT),
        ],
    )
    def test_a_valid_head_with_an_invalid_rest_is_refused(
        self, head: bytes, kind: MediaKind, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        with pytest.raises(Unsafe):
            sanitise(kind, written(tmp_path / "file", head + b"\nfile:///etc/passwd\n" * 500))

    def test_a_photo_of_huge_dimensions_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        with pytest.raises(Unsafe, match="too large"):
            sanitise(MediaKind.PHOTO, written(tmp_path / "p.png", dimensions_only(60000, 60000)))

    def test_a_document_of_too_many_pages_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        with pytest.raises(Unsafe, match="200 pages"):
            sanitise(MediaKind.DOCUMENT, pdf_with_author(tmp_path / "d.pdf", pages=201))

    def test_a_document_without_pages_is_refused(self, tmp_path: Path, sanitise: Sanitise) -> None:
        with pytest.raises(Unsafe, match="damaged"):
            sanitise(MediaKind.DOCUMENT, pdf_with_author(tmp_path / "d.pdf", pages=0))

    def test_an_encrypted_document_is_refused(self, tmp_path: Path, sanitise: Sanitise) -> None:
        with pytest.raises(Unsafe, match="password"):
            sanitise(MediaKind.DOCUMENT, locked(pdf_with_author(tmp_path / "d.pdf")))

    def test_a_file_without_pictures_and_sound_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        subtitles = written(tmp_path / "s.srt", b"1\n00:00:00,000 --> 00:00:01,000\nHello\n")
        original = convert(subtitles, tmp_path / "s.mkv")
        with pytest.raises(Unsafe, match="neither pictures nor sound"):
            sanitise(MediaKind.VIDEO, original)

    def test_a_file_that_takes_too_long_is_refused(self, tmp_path: Path) -> None:
        hasty = open_sanitiser(recorded=ToolLimits(seconds=0.01))
        video = video_with_gps(tmp_path / "v.mp4")
        with pytest.raises(Unsafe, match="too long"):
            hasty.sanitise(MediaKind.VIDEO, video, tmp_path, trailer=TRAILER)

    def test_a_file_that_takes_longer_than_its_turn_is_not_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "output"
        folder.mkdir()
        photo = photo_with_gps(tmp_path / "p.jpg")
        render = partial(open_sanitiser().sanitise, MediaKind.PHOTO, photo, folder, trailer=TRAILER)
        with pytest.raises(NeedsLonger):
            render(within=0.01)
        rendition = render(within=600)
        assert rendition.media_type == "image/jpeg"

    def test_a_symbolic_link_in_place_of_a_rendition_is_refused(
        self, tmp_path: Path, sanitise: Sanitise, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def link(_command: object, _reads: object, folder: Path, *_: object) -> bytes:
            (folder / "rendition").symlink_to("/etc/passwd")
            return b""

        monkeypatch.setattr(sandbox, "run", link)
        with pytest.raises(Unsafe):
            sanitise(MediaKind.PHOTO, photo_with_gps(tmp_path / "p.jpg"))

    @pytest.mark.parametrize("demuxer", ["mov", "matroska", "mp3", "ogg", "wav", "flac"])
    @pytest.mark.parametrize(
        "playlist", ["#EXTM3U\n#EXTINF:1,\n{}\n", "ffconcat version 1.0\nfile {}"]
    )
    def test_no_demuxer_opens_the_files_of_a_playlist(
        self, demuxer: str, playlist: str, hidden: Path, tmp_path: Path
    ) -> None:
        original = written(tmp_path / "list", playlist.format(hidden).encode())
        tool = str(shutil.which("ffmpeg"))
        with pytest.raises(ToolFailed):
            sandbox.run(
                ffmpeg.video(tool, demuxer, original, "rendition"),
                original,
                tmp_path,
                ToolLimits(seconds=60),
                sandbox.bubblewrap,
            )


class TestUnavailable:
    def test_a_missing_ffmpeg_makes_the_sanitiser_unavailable(
        self, tmp_path: Path, sanitise: Sanitise, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = video_with_gps(tmp_path / "v.mp4")
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(SanitiserUnavailable, match="not installed"):
            sanitise(MediaKind.VIDEO, original)

    def test_too_little_memory_makes_the_sanitiser_unavailable(
        self, tmp_path: Path, sanitise: Sanitise, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(job, "bytes_left", lambda _: 1000)
        with pytest.raises(SanitiserUnavailable, match="no memory"):
            sanitise(MediaKind.PHOTO, photo_with_gps(tmp_path / "p.jpg", (600, 600)))

    def test_too_little_memory_for_the_trailer_makes_the_sanitiser_unavailable(self) -> None:
        with pytest.raises(SanitiserUnavailable, match="no memory is left"):
            append_trailer(Path("/dev/full"), "image/jpeg", TRAILER)

    def test_a_missing_library_makes_the_sanitiser_unavailable(
        self, tmp_path: Path, sanitise: Sanitise, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox, "PROJECT", tmp_path)
        package = tmp_path / "adapters" / "sanitiser"
        shutil.copytree(Path(photo.__file__).parent, package)
        (package / "pictures.py").write_text("import a_library_that_is_missing")
        monkeypatch.setitem(sandbox.ENVIRONMENT, "PYTHONPATH", str(tmp_path))
        with pytest.raises(SanitiserUnavailable, match="missing"):
            sanitise(MediaKind.PHOTO, photo_with_gps(tmp_path / "p.jpg"))

    def test_a_missing_encoder_makes_the_sanitiser_unavailable(
        self, tmp_path: Path, sanitise: Sanitise, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ffmpeg, "ENCODING", ("-c:v", "an_encoder_that_is_missing"))
        with pytest.raises(SanitiserUnavailable, match="ffmpeg does not work"):
            sanitise(MediaKind.VIDEO, video_with_gps(tmp_path / "v.mp4"))

    def test_a_broken_sandbox_makes_the_sanitiser_unavailable(
        self, tmp_path: Path, sanitise: Sanitise, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = cut(photo_with_gps(tmp_path / "p.jpg"))
        isolations = Isolations()
        isolations()
        monkeypatch.setattr(sandbox, "works", lambda *_: False)
        with pytest.raises(SanitiserUnavailable, match="does not work in the sandbox"):
            SandboxedSanitiser(isolations=isolations).sanitise(
                MediaKind.PHOTO, original, tmp_path / "output", trailer=TRAILER
            )


class TestTools:
    """The same code, called in this process."""

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "L", "CMYK", "I;16", "1"])
    def test_photos_of_every_mode_become_rgb(self, mode: str, tmp_path: Path) -> None:
        original = tmp_path / "original"
        decoder = "JPEG" if mode == "CMYK" else "PNG"
        Image.new(mode, (40, 30)).save(original, decoder)
        assert draw(decoder, original) == 0
        with Image.open(tmp_path / "rendition") as rendition:
            assert (rendition.mode, rendition.size) == ("RGB", (40, 30))

    def test_transparent_pixels_become_white(self, tmp_path: Path) -> None:
        original = tmp_path / "original"
        Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(original, "PNG")
        assert draw("PNG", original) == 0
        with Image.open(tmp_path / "rendition") as rendition:
            assert rendition.getpixel((5, 5)) == (255, 255, 255)

    @pytest.mark.parametrize("profile", ["real", "broken"])
    def test_colour_profiles_are_applied_and_dropped(self, profile: str, tmp_path: Path) -> None:
        original = tmp_path / "original"
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        icc = srgb if profile == "real" else b"no profile"
        Image.new("RGB", (40, 30), "red").save(original, "JPEG", icc_profile=icc)
        assert draw("JPEG", original) == 0
        with Image.open(tmp_path / "rendition") as rendition:
            assert "icc_profile" not in rendition.info
            assert colour(rendition, (5, 5)) == "red"

    def test_a_large_photo_is_scaled_down(self, tmp_path: Path) -> None:
        original = tmp_path / "original"
        Image.new("RGB", (6000, 3000)).save(original, "JPEG")
        assert draw("JPEG", original) == 0
        assert size(tmp_path / "rendition") == (4096, 2048)

    @pytest.mark.parametrize(
        ("content", "refusal"),
        [
            (dimensions_only(60000, 60000), Refusal.TOO_LARGE),
            (dimensions_only(60, 60), Refusal.DAMAGED),
            (b"no picture", Refusal.DAMAGED),
        ],
    )
    def test_photos_that_cannot_be_decoded_are_refused(
        self, content: bytes, refusal: Refusal, tmp_path: Path
    ) -> None:
        assert draw("PNG", written(tmp_path / "original", content)) == refusal

    @pytest.mark.parametrize(
        ("error", "refusal"),
        [(MemoryError(), Refusal.TOO_LARGE), (ValueError(), Refusal.DAMAGED)],
    )
    def test_a_picture_that_does_not_fit_into_memory_is_refused_as_too_large(
        self, error: Exception, refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(_: object) -> None:
            raise error

        monkeypatch.setattr(photo, "clean", fail)
        monkeypatch.setattr(document, "drawn", fail)
        assert draw("JPEG", photo_with_gps(tmp_path / "original.jpg")) == refusal
        assert bind(pdf_with_author(tmp_path / "d.pdf")) == refusal

    def test_documents_are_converted_or_refused_with_a_reason(self, tmp_path: Path) -> None:
        assert bind(pdf_with_author(tmp_path / "d.pdf", pages=2)) == 0
        assert bind(pdf_with_author(tmp_path / "d.pdf", pages=201)) == Refusal.TOO_MANY_PAGES
        assert bind(locked(pdf_with_author(tmp_path / "d.pdf"))) == Refusal.LOCKED
        assert bind(written(tmp_path / "d.pdf", b"%PDF-1.4 no more")) == Refusal.DAMAGED


def draw(decoder: str, original: Path) -> int:
    folder = original.parent
    files = (str(original), str(folder / "rendition"), str(folder / "poster"))
    return tool.main(["photo", decoder, *files])


def bind(original: Path) -> int:
    folder = original.parent
    files = (str(original), str(folder / "rendition"), str(folder / "poster"))
    return tool.main(["document", *files])


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cut(path: Path) -> Path:
    return written(path, path.read_bytes()[: path.stat().st_size * 3 // 5])


def locked(path: Path) -> Path:
    """As if encrypted with a password that nobody knows."""
    key = "00" * 32
    lock = f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{key}> /U <{key}> >>"
    trailer = f"trailer\n<< {lock} /ID [<00> <00>]"
    return written(path, path.read_bytes().replace(b"trailer\n<<", trailer.encode()))


def convert(original: Path, path: Path, *options: str) -> Path:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(original), *options, str(path)]
    subprocess.run(command, check=True)
    return path


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def colour(picture: Image.Image, place: tuple[int, int]) -> str:
    pixel = picture.getpixel(place)
    assert isinstance(pixel, tuple)
    return ("red", "green", "blue")[pixel.index(max(pixel))]
