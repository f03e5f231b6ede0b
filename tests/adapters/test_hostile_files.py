"""Hostile files are rejected: they never count as a fault of ours, which would be retried."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pillow_heif import register_heif_opener

from adapters.sanitiser import photo, sandbox, tool
from adapters.sanitiser.refusals import OUR_FAULT, Refusal
from application.ports.sanitiser import Rendition, SanitiserUnavailable, Unsafe
from domain.ids import MediaKind
from tests import devices
from tests.adapters.sanitisers import TRAILER, open_sanitiser
from tests.media import audio_with_tags, pdf_with_author, photo_with_gps, video_with_gps

SIDES = st.integers(1, 90) | st.sampled_from([4095, 4096, 4097, 65_500, 65_535, 70_000])
MODES = st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
# Behind the first bytes, by which a file is recognised before it is taken at all.
HEAD = 64

WHOLE: dict[str, Callable[[Path], Path]] = {
    "p.jpg": photo_with_gps,
    "p.png": photo_with_gps,
    "p.webp": photo_with_gps,
    "p.heic": photo_with_gps,
    "d.pdf": pdf_with_author,
    "v.mp4": video_with_gps,
    "v.mkv": video_with_gps,
    "a.m4a": audio_with_tags,
    "a.ogg": audio_with_tags,
    "a.wav": audio_with_tags,
}


@pytest.fixture(scope="module", params=WHOLE)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good file of each kind."""
    register_heif_opener()
    path = tmp_path_factory.mktemp("whole") / request.param
    return WHOLE[request.param](path).read_bytes()


@contextmanager
def sanitised(content: bytes) -> Iterator[Rendition]:
    sanitiser = open_sanitiser()
    found = sanitiser.recognise(content)
    assert found
    with TemporaryDirectory() as name:
        original, output = Path(name, "original"), Path(name, "output")
        original.write_bytes(content)
        output.mkdir()
        yield sanitiser.sanitise(found[0], original, output, trailer=TRAILER)


def assert_shown_or_refused(content: bytes) -> None:
    """It is shown, or refused with a reason. Nothing else may come of it."""
    with suppress(Unsafe), sanitised(content) as rendition:
        assert rendition.path.stat().st_size


def cut(whole: bytes, places: Sequence[int]) -> bytes:
    return whole[: places[0]]


def flip_bits(whole: bytes, places: Sequence[int]) -> bytes:
    broken = bytearray(whole)
    for place, bits in zip(places, cycle([1, 4, 16, 128, 255]), strict=False):
        broken[place] ^= bits
    return bytes(broken)


def leave_out(whole: bytes, places: Sequence[int]) -> bytes:
    first, last = sorted(places[:2])
    return whole[:first] + whole[last:]


def repeat(whole: bytes, places: Sequence[int]) -> bytes:
    first, last = sorted(places[:2])
    return whole[:last] + whole[first:]


@settings(max_examples=4, deadline=None)
@given(
    damage=st.sampled_from([cut, flip_bits, leave_out, repeat]),
    shares=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=30),
)
def test_a_damaged_file_is_shown_or_refused(
    whole: bytes, damage: Callable[[bytes, Sequence[int]], bytes], shares: list[float]
) -> None:
    places = [HEAD + int(share * (len(whole) - HEAD)) for share in shares]
    assert_shown_or_refused(damage(whole, places))


class TestPictures:
    @settings(max_examples=20, deadline=None)
    @given(width=SIDES, height=SIDES, mode=MODES, glaring=st.booleans())
    def test_pictures_of_every_size_and_mode_are_drawn_whole(
        self, width: int, height: int, mode: str, glaring: bool
    ) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            size = (width, height if width < 100 else min(height, 90))
            original = devices.noise(folder / "p.png", size, mode, glaring=glaring)
            files = [str(folder / each) for each in ("rendition", "poster")]
            assert tool.main(["photo", "PNG", str(original), *files]) == 0
            for file in files:
                with Image.open(file) as drawn:
                    drawn.load()

    @pytest.mark.parametrize(
        ("size", "shown"),
        [
            ((4096, 3072), (4096, 3072)),
            ((8160, 6120), (4096, 3072)),
            ((16_000, 4000), (5760, 1440)),
            ((1290, 20_000), (1290, 20_000)),
            ((1, 70_000), (1, 65_000)),
            ((100_000, 2000), (38_730, 775)),
        ],
    )
    def test_the_shown_size_of_a_picture_is_limited(
        self, size: tuple[int, int], shown: tuple[int, int]
    ) -> None:
        assert photo.shown_size(*size) == shown


@pytest.fixture
def ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes the photo tool do something else, inside the sandbox."""

    def become(code: str) -> None:
        shutil.copytree(Path(photo.__file__).parent, tmp_path / "adapters" / "sanitiser")
        (tmp_path / "adapters" / "sanitiser" / "photo.py").write_text(code)
        monkeypatch.setattr(sandbox, "PROJECT", tmp_path)
        monkeypatch.setitem(sandbox.ENVIRONMENT, "PYTHONPATH", str(tmp_path))

    return become


def sanitise(folder: Path) -> Rendition:
    original, output = photo_with_gps(folder / "p.jpg"), folder / "output"
    output.mkdir()
    return open_sanitiser().sanitise(MediaKind.PHOTO, original, output, trailer=TRAILER)


class TestEndsOfTool:
    """However a tool ends with a file, the file is refused; unless it says that it is our fault."""

    @pytest.mark.parametrize("status", [1, 2, 120, 126, 127, 255, *Refusal])
    def test_a_file_is_refused_if_the_tool_exits_with_an_unknown_status(
        self, status: int, ending: Callable[[str], None], tmp_path: Path
    ) -> None:
        ending(f"import os\ndef draw(*_): os._exit({status})")
        with pytest.raises(Unsafe):
            sanitise(tmp_path)

    @pytest.mark.parametrize("error", ["OSError", "SystemError", "MemoryError", "ImportError"])
    def test_a_file_is_refused_if_the_tool_raises_an_error(
        self, error: str, ending: Callable[[str], None], tmp_path: Path
    ) -> None:
        ending(f"def draw(*_): raise {error}")
        with pytest.raises(Unsafe):
            sanitise(tmp_path)

    @pytest.mark.parametrize(
        ("number", "reason"),
        [
            (signal.SIGSEGV, "damaged"),
            (signal.SIGABRT, "damaged"),
            (signal.SIGKILL, "needs too much memory"),
            (signal.SIGXCPU, "took too long"),
        ],
    )
    def test_a_file_is_refused_if_the_tool_is_killed_by_a_signal(
        self, number: int, reason: str, ending: Callable[[str], None], tmp_path: Path
    ) -> None:
        ending(f"import os\ndef draw(*_): os.kill(os.getpid(), {int(number)})")
        with pytest.raises(Unsafe, match=reason):
            sanitise(tmp_path)

    def test_a_file_is_refused_if_the_tool_writes_no_rendition(
        self, ending: Callable[[str], None], tmp_path: Path
    ) -> None:
        ending("def draw(*_): return 0")
        with pytest.raises(Unsafe):
            sanitise(tmp_path)

    @pytest.mark.parametrize(
        "code",
        [
            "import a_library_that_is_missing",
            "import errno\ndef draw(*_): raise OSError(errno.ENOSPC, 'no space left')",
        ],
    )
    def test_a_fault_of_ours_makes_the_sanitiser_unavailable(
        self, code: str, ending: Callable[[str], None], tmp_path: Path
    ) -> None:
        ending(code)
        with pytest.raises(SanitiserUnavailable):
            sanitise(tmp_path)


class TestTool:
    """The same, in this process."""

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (MemoryError(), Refusal.TOO_LARGE),
            (OSError(28, "no space left"), OUR_FAULT),
            (OSError("broken data stream"), Refusal.DAMAGED),
            (ImportError(), Refusal.DAMAGED),
        ],
    )
    def test_each_error_has_its_exit_status(
        self, error: Exception, status: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> int:
            raise error

        monkeypatch.setattr(photo, "draw", fail)
        assert tool.main(["photo", "JPEG", os.devnull, os.devnull, os.devnull]) == status

    def test_a_tool_that_cannot_be_loaded_is_a_fault_of_ours(self) -> None:
        assert tool.main(["not_there"]) == OUR_FAULT
