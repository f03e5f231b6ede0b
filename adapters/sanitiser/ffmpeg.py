"""Command lines of ffmpeg and ffprobe.

Everything is decoded and encoded again, because a copied stream can contain data that the camera
wrote into it. See docs/adr/0006-evidence-is-re-encoded.md.
"""

from dataclasses import dataclass
from pathlib import Path

# The accepted codecs, with ffmpeg's decoders: those that phones, browsers, dash cams and door
# cameras use. Fewer decoders have fewer security faults.
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
    # Uncompressed samples, and G.711.
    name: name
    for name in (
        *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le"),
        *("pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_alaw", "pcm_mulaw"),
    )
}
DECODERS = ",".join([*PICTURE_DECODERS.values(), *SOUND_DECODERS.values()])
MOST_PIXELS = 40_000_000  # Per picture.
ANY_SIZE = 2**31 - 1
MOST_FILM_PIXELS = 60_000_000_000  # In all pictures: 16 minutes of 1080p, or 36 of 720p.
MOST_FILM_SECONDS = 3600
MOST_SOUND_SECONDS = 4 * 3600
# The format is given, not guessed, so a playlist, a list of files or a script cannot pose as video.
READING = ("-protocol_whitelist", "file", "-codec_whitelist", DECODERS, "-max_pixels")

# A thread per core would exceed the sandbox's memory on a large machine.
THREADS = ("-threads", "4")

# ffmpeg's exit status after a signal that it can catch: its CPU time is used up.
SIGNALLED = 255

NO_METADATA = (
    *("-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-sn", "-dn"),
    # Without these, the versions of the libraries and the time are written into the file.
    *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"),
)
# Fits into 720p, landscape or portrait, with even sides as H.264 requires.
SCALE = "scale=min(1280\\,iw):min(1280\\,ih):force_original_aspect_ratio=decrease"
FITTING = f"{SCALE}:force_divisible_by=2"
ENCODING = (
    *("-fpsmax", "60", "-c:v", "libx264", *THREADS, "-preset", "veryfast", "-crf", "24"),
    # x264 and cameras write settings into user data (SEI, type 6).
    *("-pix_fmt", "yuv420p", "-a53cc", "0", "-bsf:v", "filter_units=remove_types=6"),
)
AUDIO = ("-c:a", "aac", "-b:a", "96k", "-ac", "2", "-ar", "44100")
# A JPEG does not declare its colours; readers assume BT.601 in full range.
POSTER = (
    "thumbnail=24,scale=min(640\\,iw):min(640\\,ih):force_original_aspect_ratio=decrease"
    ":out_color_matrix=bt601:out_range=full"
)
# Transfer curves of HDR films. Their white means 203 nits (ITU-R BT.2408). Brighter values are
# compressed; the others keep their colour.
HDR_CURVES = ("arib-std-b67", "smpte2084")
WIDE_PRIMARIES = ("bt2020", "smpte432")
FROM_WIDE = "zscale=p=bt709:t=bt709:m=bt709:r=limited"
FROM_HDR = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:param=0.9:desat=0,"
    "zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """The colours that a film declares, in ffmpeg's words. Empty: not declared."""

    curve: str = ""
    primaries: str = ""
    matrix: str = ""

    @property
    def filters(self) -> str:
        """Filters that convert the colours to those of an ordinary screen, if they differ."""
        if self.curve in HDR_CURVES:
            return f",{self._said('bt2020', 'bt2020nc')},{FROM_HDR}"
        if self.primaries in WIDE_PRIMARIES:
            return f",{self._said(self.primaries, 'bt709')},{FROM_WIDE}"
        return ""

    def _said(self, primaries: str, matrix: str) -> str:
        """Return a filter that declares the missing values."""
        return (
            f"setparams=color_trc={self.curve or 'bt709'}"
            f":color_primaries={self.primaries or primaries}:colorspace={self.matrix or matrix}"
        )


AS_IT_IS = Colours()


def list_contents(ffmpeg: str, demuxer: str, original: Path) -> list[str]:
    """Print lines about the tracks, and the number of pictures and seconds.

    It decodes no whole track, and therefore accepts pictures of any size, in order to report it.
    ffprobe is no alternative: it fails if it lacks a decoder of any track, even of one not used."""
    tracks = ("-map", "0:V:0?", "-map", "0:a?", "-c", "copy")
    return [
        *(*_start(ffmpeg, demuxer, original, most_pixels=ANY_SIZE), "-progress", "pipe:1"),
        *(*tracks, "-f", "null", "-", *tracks, "-t", "0", "-f", "framecrc", "pipe:1"),
    ]


def open_only(ffmpeg: str, demuxer: str, original: Path) -> list[str]:
    """Succeed if the file can be opened, even if it is empty."""
    return [*_start(ffmpeg, demuxer, original), "-map_metadata", "-1", "-f", "ffmetadata", "-"]


def first_picture(ffmpeg: str, demuxer: str, original: Path, picture: str) -> list[str]:
    """Copy the first picture alone, so that ffprobe parses nothing else."""
    copied = ("-map", "0:V:0", "-c", "copy", "-frames:v", "1", "-f", "matroska", picture)
    return [*_start(ffmpeg, demuxer, original), *copied]


def colours(ffprobe: str, picture: Path) -> list[str]:
    """Print lines such as ``color_transfer=bt709``."""
    shown = "stream=color_transfer,color_primaries,color_space"
    command = ("-show_entries", shown, "-of", "default=noprint_wrappers=1")
    return [ffprobe, "-v", "quiet", *_reading("matroska"), *command, str(picture)]


def self_test(ffmpeg: str) -> list[str]:
    """Encode a generated film with sound, using everything that real films need."""
    filters = FITTING + Colours(curve=HDR_CURVES[0]).filters
    return [
        *(ffmpeg, "-nostdin", "-v", "quiet", "-f", "lavfi", "-i", "color=d=0.1:r=10:s=64x64"),
        *("-f", "lavfi", "-i", "anullsrc=d=0.1", "-t", "0.1"),
        *("-vf", filters, *ENCODING, *AUDIO),
        *("-f", "null", "-"),
    ]


def duration(ffprobe: str, rendition: Path) -> list[str]:
    """Print the duration in seconds."""
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
    """Encode a film with the sound track of this number, or with None without sound."""
    sound_options = ("-an",) if sound is None else ("-map", f"0:a:{sound}", *AUDIO)
    return [
        *(*_start(ffmpeg, demuxer, original), *NO_METADATA, "-map", "0:V:0"),
        *("-vf", FITTING + colours.filters, *ENCODING, *sound_options, *_up_to(MOST_FILM_SECONDS)),
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
    """Make a picture from the first second of the rendition, which holds no metadata."""
    return [
        *(*_start(ffmpeg, "mov", rendition), *NO_METADATA, "-an", "-map", "0:V:0"),
        *("-vf", POSTER, "-frames:v", "1", "-q:v", "4", "-f", "mjpeg", poster),
    ]


def _up_to(seconds: int) -> tuple[str, str]:
    """Limit the length to slightly more than allowed, so that a longer recording is noticed."""
    return ("-t", str(seconds + 1))


def _start(ffmpeg: str, demuxer: str, file: Path, *, most_pixels: int = MOST_PIXELS) -> list[str]:
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-v", "quiet", "-y"),
        *(*_reading(demuxer, most_pixels), "-i", str(file)),
    ]


def _reading(demuxer: str, most_pixels: int = MOST_PIXELS) -> list[str]:
    return [*READING, str(most_pixels), *THREADS, "-f", demuxer]
