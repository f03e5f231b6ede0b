"""The command lines of ffmpeg and ffprobe: what may be read, and what must not be written.

Everything is decoded and encoded anew: a copied stream could carry what its camera wrote into
it. See docs/adr/0006-evidence-is-re-encoded.md.
"""

from dataclasses import dataclass
from pathlib import Path

# What is read, by the names of ffmpeg's decoders: what phones, browsers, and cameras in cars and at
# doors record. The fewer decoders, the fewer of their faults.
PICTURE_DECODERS = {
    "h264": "h264",
    "hevc": "hevc",
    "vp8": "vp8,libvpx",
    "vp9": "vp9,libvpx-vp9",
    "av1": "libdav1d,libaom-av1,av1",
    "mpeg4": "mpeg4",
    "h263": "h263",
    "mjpeg": "mjpeg",
    "theora": "theora",
}
SOUND_DECODERS = {
    "aac": "aac",
    "mp3": "mp3,mp3float",
    "opus": "opus,libopus",
    "vorbis": "vorbis",
    "flac": "flac",
    "alac": "alac",
    "amr_nb": "amrnb,libopencore_amrnb",
    "amr_wb": "amrwb,libopencore_amrwb",
    "adpcm_ima_wav": "adpcm_ima_wav",
    "adpcm_ms": "adpcm_ms",
    "adpcm_g726": "g726",
} | {
    # Numbers as they are, and G.711.
    name: name
    for name in (
        *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
        *("pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_alaw", "pcm_mulaw"),
    )
}
DECODERS = ",".join([*PICTURE_DECODERS.values(), *SOUND_DECODERS.values()])
MOST_PIXELS = 40_000_000  # Of one picture.
ANY_SIZE = 2**31 - 1
MOST_FILM_PIXELS = 60_000_000_000  # Of all pictures: 16 minutes of 1080p, or 36 of 720p.
MOST_FILM_SECONDS = 3600
MOST_SOUND_SECONDS = 4 * 3600
# The format is told, not guessed: no playlist, no list of files, no script can pose as a video.
READING = ("-protocol_whitelist", "file", "-codec_whitelist", DECODERS, "-max_pixels")

# As many as there are cores would not fit into the sandbox's memory on a large machine.
THREADS = ("-threads", "4")

# How it ends after a signal that it can catch: that its processor time is over.
SIGNALLED = 255

NO_METADATA = (
    *("-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-sn", "-dn"),
    # Without these, the versions of the libraries and the time are written.
    *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"),
)
# Fits into 720p, lying or standing, and has even sides as H.264 wants them.
SCALE = "scale=min(1280\\,iw):min(1280\\,ih):force_original_aspect_ratio=decrease"
FITTING = f"{SCALE}:force_divisible_by=2"
ENCODING = (
    *("-fpsmax", "60", "-c:v", "libx264", *THREADS, "-preset", "veryfast", "-crf", "24"),
    # x264 writes its settings into user data (SEI, type 6), and so do cameras.
    *("-pix_fmt", "yuv420p", "-a53cc", "0", "-bsf:v", "filter_units=remove_types=6"),
)
AUDIO = ("-c:a", "aac", "-b:a", "96k", "-ac", "2", "-ar", "44100")
# A JPEG says nothing of its colours: they are read as BT.601, in full range.
POSTER = (
    "thumbnail=24,scale=min(640\\,iw):min(640\\,ih):force_original_aspect_ratio=decrease"
    ":out_color_matrix=bt601:out_range=full"
)
# Curves of HDR films. Their white stands for 203 nits of light (ITU-R BT.2408); what is brighter is
# compressed, and what is not keeps its colour.
HDR_CURVES = ("arib-std-b67", "smpte2084")
WIDE_PRIMARIES = ("bt2020", "smpte432")
FROM_WIDE = "zscale=p=bt709:t=bt709:m=bt709:r=limited"
FROM_HDR = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:param=0.9:desat=0,"
    "zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """What a film says of its colours, in ffmpeg's words; empty for what it does not say."""

    curve: str = ""
    primaries: str = ""
    matrix: str = ""

    @property
    def filters(self) -> str:
        """Bring them to those of an ordinary screen, where they are others."""
        if self.curve in HDR_CURVES:
            return f",{self._said('bt2020', 'bt2020nc')},{FROM_HDR}"
        if self.primaries in WIDE_PRIMARIES:
            return f",{self._said(self.primaries, 'bt709')},{FROM_WIDE}"
        return ""

    def _said(self, primaries: str, matrix: str) -> str:
        """Fill in what the film does not say."""
        return (
            f"setparams=color_trc={self.curve or 'bt709'}"
            f":color_primaries={self.primaries or primaries}:colorspace={self.matrix or matrix}"
        )


AS_IT_IS = Colours()


def list_contents(ffmpeg: str, demuxer: str, original: Path) -> list[str]:
    """Answers with lines about the tracks, and how many pictures and seconds there are.

    It decodes no track as a whole, and so takes pictures of any size, to tell how large they are.
    ffprobe gives up when it lacks the decoder of any track, even of one that we drop."""
    tracks = ("-map", "0:V:0?", "-map", "0:a?", "-c", "copy")
    return [
        *(*_start(ffmpeg, demuxer, original, most_pixels=ANY_SIZE), "-progress", "pipe:1"),
        *(*tracks, "-f", "null", "-", *tracks, "-t", "0", "-f", "framecrc", "pipe:1"),
    ]


def open_only(ffmpeg: str, demuxer: str, original: Path) -> list[str]:
    """Succeeds where the file can be opened, even if nothing is in it."""
    return [*_start(ffmpeg, demuxer, original), "-map_metadata", "-1", "-f", "ffmetadata", "-"]


def first_picture(ffmpeg: str, demuxer: str, original: Path, picture: str) -> list[str]:
    """Copies the picture track's beginning, so that ffprobe meets nothing else."""
    copied = ("-map", "0:V:0", "-c", "copy", "-frames:v", "1", "-f", "matroska", picture)
    return [*_start(ffmpeg, demuxer, original), *copied]


def colours(ffprobe: str, picture: Path) -> list[str]:
    """Answers with lines such as ``color_transfer=bt709``."""
    shown = "stream=color_transfer,color_primaries,color_space"
    command = ("-show_entries", shown, "-of", "default=noprint_wrappers=1")
    return [ffprobe, "-v", "quiet", *_reading("matroska"), *command, str(picture)]


def self_test(ffmpeg: str) -> list[str]:
    """Makes a film and its sound of nothing, with all that other films need."""
    filters = FITTING + Colours(curve=HDR_CURVES[0]).filters
    return [
        *(ffmpeg, "-nostdin", "-v", "quiet", "-f", "lavfi", "-i", "color=d=0.1:r=10:s=64x64"),
        *("-f", "lavfi", "-i", "anullsrc=d=0.1", "-t", "0.1"),
        *("-vf", filters, *ENCODING, *AUDIO),
        *("-f", "null", "-"),
    ]


def duration(ffprobe: str, rendition: Path) -> list[str]:
    """Answers with seconds."""
    shown = ("-show_entries", "format=duration", "-of", "default=nokey=1:noprint_wrappers=1")
    return [ffprobe, "-v", "quiet", *_reading("mov"), *shown, str(rendition)]


def video(
    ffmpeg: str,
    demuxer: str,
    original: Path,
    rendition: str,
    *,
    sound: int | None = None,
    colours: Colours = AS_IT_IS,
) -> list[str]:
    """With the sound track of this number; None leaves all sound out."""
    heard = ("-an",) if sound is None else ("-map", f"0:a:{sound}", *AUDIO)
    return [
        *(*_start(ffmpeg, demuxer, original), *NO_METADATA, "-map", "0:V:0"),
        *("-vf", FITTING + colours.filters, *ENCODING, *heard, *_up_to(MOST_FILM_SECONDS)),
        *("-movflags", "+faststart", "-f", "mp4", rendition),
    ]


def audio(
    ffmpeg: str, demuxer: str, original: Path, rendition: str, *, sound: int = 0
) -> list[str]:
    return [
        *(*_start(ffmpeg, demuxer, original), *NO_METADATA, "-vn", "-map", f"0:a:{sound}"),
        *(*AUDIO, *_up_to(MOST_SOUND_SECONDS), "-movflags", "+faststart", "-f", "ipod", rendition),
    ]


def still(ffmpeg: str, rendition: Path, poster: str) -> list[str]:
    """Return a picture of what is seen in the first second: of the rendition, where nothing is hidden."""
    return [
        *(*_start(ffmpeg, "mov", rendition), *NO_METADATA, "-an", "-map", "0:V:0"),
        *("-vf", POSTER, "-frames:v", "1", "-q:v", "4", "-f", "mjpeg", poster),
    ]


def _up_to(seconds: int) -> tuple[str, str]:
    """Return a little more, so that what is too long shows, whatever it said of itself."""
    return ("-t", str(seconds + 1))


def _start(ffmpeg: str, demuxer: str, file: Path, *, most_pixels: int = MOST_PIXELS) -> list[str]:
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-v", "quiet", "-y"),
        *(*_reading(demuxer, most_pixels), "-i", str(file)),
    ]


def _reading(demuxer: str, most_pixels: int = MOST_PIXELS) -> list[str]:
    return [*READING, str(most_pixels), *THREADS, "-f", demuxer]
