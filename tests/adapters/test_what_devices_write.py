"""Files of phones, scanners and cameras look as intended, or are refused with a reason."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from adapters.sanitiser import ffmpeg
from adapters.sanitiser.sandbox import ToolLimits
from application.ports.sanitiser import Rendition, Unsafe
from domain.ids import MediaKind
from tests import devices
from tests.adapters.sanitisers import TRAILER, open_sanitiser
from tests.media import pdf_with_author

Sanitise = Callable[[Path], Rendition]


@pytest.fixture(name="sanitise")
def fixture_sanitise(tmp_path: Path) -> Sanitise:
    """Recognises a file as an upload is, then makes it safe."""
    folder = tmp_path / "output"
    folder.mkdir()

    def sanitise(original: Path) -> Rendition:
        sanitiser = open_sanitiser()
        found = sanitiser.recognise(original.read_bytes()[:4096])
        assert found
        return sanitiser.sanitise(found[0], original, folder, trailer=TRAILER)

    return sanitise


def pixel(picture: Image.Image, x: float, y: float = 0.5) -> tuple[int, ...]:
    """The colour at a place, given as shares of width and height."""
    place = int(picture.width * x), int(picture.height * y)
    found = picture.convert("RGB").getpixel(place)
    assert isinstance(found, tuple)
    return found


def grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


def near(colour: tuple[int, ...], tolerance: int = 8) -> object:
    return pytest.approx(colour, abs=tolerance)


def streams(path: Path) -> list[str]:
    command = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0"]
    shown = subprocess.run([*command, str(path)], check=True, capture_output=True, text=True)
    return shown.stdout.split()


def loudness(path: Path) -> float:
    """The loudest sample, in dB below what is possible."""
    command = ["ffmpeg", "-v", "info", "-i", str(path), "-af", "volumedetect", "-f", "null", "-"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return float(shown.rpartition("max_volume:")[2].split()[0])


class TestFilms:
    @pytest.mark.parametrize("curve", ["arib-std-b67", "smpte2084", "bt709"])
    def test_wide_and_hdr_colours_of_a_film_are_converted(
        self, curve: str, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        rendition = sanitise(devices.wide_film(tmp_path / "v.mov", curve))
        assert rendition.poster
        with devices.first_frame(rendition.path) as frame, Image.open(rendition.poster) as poster:
            for number, colour in enumerate(devices.PATCHES):
                middle = (number + 0.5) / len(devices.PATCHES)
                assert pixel(frame, middle) == near(colour)
                assert pixel(poster, middle) == near(colour)

    def test_an_ordinary_film_and_its_poster_keep_their_colours(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        still = devices.patches(tmp_path / "p.png")
        original = devices.run_ffmpeg(
            *("-loop", "1", "-i", str(still), "-frames:v", "5", "-c:v", "libx264"),
            *("-vf", "scale=out_color_matrix=bt709,format=yuv420p", "-colorspace", "bt709"),
            *("-color_primaries", "bt709", "-color_trc", "bt709"),
            path=tmp_path / "v.mp4",
        )
        rendition = sanitise(original)
        assert rendition.poster
        with devices.first_frame(rendition.path) as frame, Image.open(rendition.poster) as poster:
            for number, colour in enumerate(devices.PATCHES):
                middle = (number + 0.5) / len(devices.PATCHES)
                assert pixel(frame, middle) == near(colour)
                assert pixel(poster, middle) == near(colour)

    @pytest.mark.parametrize("codec", ["pcm_mulaw", "adpcm_ima_wav"])
    def test_the_sound_of_dash_and_door_cameras_is_kept(
        self, codec: str, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.film(tmp_path / "v.mov", "-c:a", codec, "-ar", "8000")
        rendition = sanitise(original)
        assert (streams(rendition.path), rendition.left_out) == (["video", "audio"], "")
        assert loudness(rendition.path) > -30

    def test_a_film_with_unsupported_sound_is_served_without_sound(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        rendition = sanitise(devices.film(tmp_path / "v.mkv", "-c:a", "ac3"))
        assert streams(rendition.path) == ["video"]
        assert "sound of this film could not be read" in rendition.left_out
        assert rendition.duration == pytest.approx(1, abs=0.2)

    def test_a_film_with_damaged_sound_is_served_without_sound(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.film(tmp_path / "v.mp4", "-c:a", "alac")
        content = original.read_bytes()
        settings = content.rindex(b"alac") + 8  # The sizes that the decoder needs.
        original.write_bytes(content[:settings] + b"\xff" * 16 + content[settings + 16 :])
        rendition = sanitise(original)
        assert streams(rendition.path) == ["video"]
        assert rendition.left_out

    def test_the_first_supported_sound_track_is_kept(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        tracks = ("-map", "0", "-map", "1", "-map", "1", "-c:a:0", "ac3", "-c:a:1", "aac")
        rendition = sanitise(devices.film(tmp_path / "v.mkv", *tracks))
        assert streams(rendition.path) == ["video", "audio"]

    def test_a_film_of_an_unknown_brand_is_accepted(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.film(tmp_path / "v.mp4", "-brand", "kddi")
        assert sanitise(original).media_type == "video/mp4"

    @pytest.mark.parametrize("name", ["s.3gp", "s.mp4", "s.mov"])
    def test_sound_in_any_container_becomes_audio(
        self, name: str, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        rendition = sanitise(devices.sound_in(tmp_path / name))
        assert (rendition.media_type, rendition.poster) == ("audio/mp4", None)
        assert rendition.duration == pytest.approx(2, abs=0.2)


class TestPictures:
    def test_grey_of_16_bits_keeps_its_levels(self, tmp_path: Path, sanitise: Sanitise) -> None:
        rendition = sanitise(devices.grey_ramp(tmp_path / "p.png"))
        with Image.open(rendition.path) as ramp:
            for level in (3, 64, 128, 192, 252):
                assert grey(ramp).tobytes()[level] == pytest.approx(level, abs=4)

    def test_a_long_screenshot_stays_readable(self, tmp_path: Path, sanitise: Sanitise) -> None:
        rendition = sanitise(devices.long_screenshot(tmp_path / "p.png"))
        with Image.open(rendition.path) as page:
            assert page.size == (1080, 14000)
            for top in (800, 7200, 13600):
                column = grey(page).crop((500, top, 501, top + 8)).tobytes()
                assert column[2] < 40
                assert column[6] > 215

    @pytest.mark.parametrize("mode", ["RGB", "RGBA"])
    def test_wide_colours_of_a_picture_are_converted(
        self, mode: str, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        rendition = sanitise(devices.wide_screenshot(tmp_path / "p.png", mode))
        with Image.open(rendition.path) as shot:
            assert pixel(shot, 0.5) == near(devices.NARROW, tolerance=4)

    def test_thin_lines_stay_visible_when_a_picture_is_scaled_down(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        page = Image.new("1", (8000, 4000), 1)
        lines = range(25, 8000, 50)
        for x in lines:
            page.paste(0, (x, 0, x + 1, 4000))
        page.save(tmp_path / "p.png")
        rendition = sanitise(tmp_path / "p.png")
        with Image.open(rendition.path) as shown:
            row = grey(shown).crop((0, 1000, 4096, 1001)).tobytes()
        assert [x for x in lines if min(row[x * 4096 // 8000 - 2 :][:5]) > 200] == []

    @pytest.mark.parametrize(
        ("kind", "letters"), [(b"tEXt", 70_000_000), (b"zTXt", 2_000_000), (b"iTXt", 2_000_000)]
    )
    def test_a_picture_with_a_long_comment_is_accepted(
        self, kind: bytes, letters: int, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        rendition = sanitise(devices.with_comment(tmp_path / "p.png", kind, letters))
        with Image.open(rendition.path) as picture:
            assert pixel(picture, 0.5) == near((254, 0, 0))

    def test_a_narrow_picture_of_noise_is_accepted(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        rendition = sanitise(devices.noise(tmp_path / "p.png", (17, 4096), glaring=True))
        with Image.open(rendition.path) as picture:
            picture.load()
            assert picture.size == (17, 4096)


class TestDocuments:
    @pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n\r\n", b"X-Scanner: 7\r\n" * 70])
    def test_bytes_before_the_header_of_a_pdf_are_accepted(
        self, before: bytes, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = pdf_with_author(tmp_path / "d.pdf")
        original.write_bytes(before + original.read_bytes())
        rendition = sanitise(original)
        assert rendition.media_type == "application/pdf"
        assert rendition.poster
        with Image.open(rendition.poster) as page:
            assert pixel(page, 0.25, 0.75) == near((0, 0, 0))
            assert pixel(page, 0.75, 0.25) == near((255, 255, 255))


class TestReasons:
    """Each says what was wrong, and what can be done now."""

    def test_a_film_without_an_index_is_refused_as_unfinished(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        with pytest.raises(Unsafe, match=r"did not finish.*app that recorded it"):
            sanitise(devices.without_index(tmp_path / "v.mp4"))

    def test_a_truncated_film_is_refused_as_unfinished(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.film(tmp_path / "v.mp4")
        original.write_bytes(original.read_bytes()[: original.stat().st_size // 2])
        with pytest.raises(Unsafe, match="did not finish"):
            sanitise(original)

    @pytest.mark.parametrize("suffix", ["mov", "mkv"])
    def test_pictures_in_an_unsupported_codec_are_refused(
        self, suffix: str, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.film(
            tmp_path / f"v.{suffix}", "-c:v", "prores", "-pix_fmt", "yuv422p10le"
        )
        with pytest.raises(Unsafe, match=r"not supported \(prores.*Convert it"):
            sanitise(original)

    def test_sound_in_an_unsupported_codec_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.film(tmp_path / "v.mkv", "-vn", "-c:a", "ac3")
        with pytest.raises(Unsafe, match=r"not supported \(ac3"):
            sanitise(original)

    def test_a_recording_without_sound_is_refused(self, tmp_path: Path, sanitise: Sanitise) -> None:
        with pytest.raises(Unsafe, match="neither pictures nor sound"):
            sanitise(devices.empty_wav(tmp_path / "a.wav"))

    def test_a_film_without_pictures_and_sound_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        with pytest.raises(Unsafe, match="neither pictures nor sound"):
            sanitise(devices.film(tmp_path / "v.mp4", "-t", "0"))

    def test_a_recording_that_is_too_long_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        hours = 4.1
        original = devices.run_ffmpeg(
            *("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", str(hours * 3600)),
            *("-c:a", "pcm_alaw"),
            path=tmp_path / "a.wav",
        )
        with pytest.raises(Unsafe, match="longer than 4 h"):
            sanitise(original)

    def test_a_film_of_too_many_pictures_is_refused(
        self, tmp_path: Path, sanitise: Sanitise, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original = devices.film(tmp_path / "v.mkv", "-an")
        monkeypatch.setattr(ffmpeg, "MOST_FILM_PIXELS", 9 * 160 * 120)
        with pytest.raises(Unsafe, match="too many pictures of this size"):
            sanitise(original)

    def test_a_film_of_too_large_pictures_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.run_ffmpeg(
            *("-f", "lavfi", "-i", "color=s=8000x6000:r=1:d=1", "-c:v", "mjpeg"),
            path=tmp_path / "v.mkv",
        )
        with pytest.raises(Unsafe, match="pictures of this film are too large"):
            sanitise(original)

    def test_a_film_that_takes_too_much_processor_time_is_refused(self, tmp_path: Path) -> None:
        hasty = open_sanitiser(recorded=ToolLimits(seconds=600, cpu_seconds=1))
        second = devices.film(tmp_path / "second.mp4", size="1920x1080")
        minutes = devices.repeated(second, tmp_path / "minutes.mp4", times=200)
        with pytest.raises(Unsafe, match="took too long"):
            hasty.sanitise(MediaKind.VIDEO, minutes, tmp_path, trailer=TRAILER)

    def test_a_document_that_takes_too_much_processor_time_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = devices.busy_pdf(tmp_path / "d.pdf")
        assert original.stat().st_size < 2000
        with pytest.raises(Unsafe, match="took too long"):
            sanitise(original)

    def test_a_document_of_too_large_pages_is_refused(
        self, tmp_path: Path, sanitise: Sanitise
    ) -> None:
        original = pdf_with_author(tmp_path / "d.pdf", pages=200)
        original.write_bytes(original.read_bytes().replace(b"144 144", b"9000 9000"))
        with pytest.raises(Unsafe, match="pages of this document are too large"):
            sanitise(original)

    def test_a_file_with_too_large_a_rendition_is_refused(self, tmp_path: Path) -> None:
        narrow = open_sanitiser(still=ToolLimits(seconds=60, file_size=1000))
        photo = devices.noise(tmp_path / "p.png", (99, 99))
        with pytest.raises(Unsafe, match="would be too large"):
            narrow.sanitise(MediaKind.PHOTO, photo, tmp_path, trailer=TRAILER)
