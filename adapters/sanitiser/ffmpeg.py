"""The command lines of ffmpeg and ffprobe: what may be read, and what must not be written.

Everything is decoded and encoded anew: a copied stream could carry what its camera wrote into
it. See docs/adr/0006-evidence-is-re-encoded.md.
"""

from pathlib import Path

# Only what phones and browsers record: the fewer decoders, the fewer of their faults.
DECODERS = (
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,libdav1d,libaom-av1,av1,mpeg4,h263,mjpeg,theora,"
    "aac,mp3,mp3float,opus,libopus,vorbis,flac,alac,amrnb,amrwb,libopencore_amrnb,"
    "libopencore_amrwb,pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le"
)
MOST_PIXELS = 40_000_000
# The format is told, not guessed: no playlist, no list of files, no script can pose as a video.
READING = ("-protocol_whitelist", "file", "-codec_whitelist", DECODERS, "-max_pixels")

# As many as there are cores would not fit into the sandbox's memory on a large machine.
THREADS = ("-threads", "4")

NO_METADATA = (
    *("-map_metadata", "-1", "-map_metadata:s", "-1", "-map_chapters", "-1", "-sn", "-dn"),
    # Without these, the versions of the libraries and the time are written.
    *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"),
)
# Fits into 720p, lying or standing, and has even sides as H.264 wants them.
SCALE = "scale=min(1280\\,iw):min(1280\\,ih):force_original_aspect_ratio=decrease"
VIDEO = (
    *("-map", "0:V:0", "-vf", f"{SCALE}:force_divisible_by=2", "-fpsmax", "60"),
    *("-c:v", "libx264", *THREADS, "-preset", "veryfast", "-crf", "24", "-pix_fmt", "yuv420p"),
    # x264 writes its settings into user data (SEI, type 6), and so do cameras.
    *("-a53cc", "0", "-bsf:v", "filter_units=remove_types=6"),
)
AUDIO = ("-c:a", "aac", "-b:a", "96k", "-ac", "2", "-ar", "44100")
POSTER = "thumbnail=24,scale=min(640\\,iw):min(640\\,ih):force_original_aspect_ratio=decrease"


def find_picture(ffmpeg: str, demuxer: str, original: Path) -> list[str]:
    """Succeeds if there is a video track. It decodes nothing, unlike ffprobe: that gives up when
    it lacks the decoder of any track, even of one that we drop."""
    copied = ("-map", "0:V:0", "-c", "copy", "-t", "0.1", "-f", "null", "-")
    return [*_start(ffmpeg, demuxer, original), *copied]


def duration(ffprobe: str, rendition: Path) -> list[str]:
    """Answers with seconds."""
    shown = ("-show_entries", "format=duration", "-of", "default=nokey=1:noprint_wrappers=1")
    return [ffprobe, "-v", "quiet", *_reading("mov"), *shown, str(rendition)]


def video(ffmpeg: str, demuxer: str, original: Path, rendition: str) -> list[str]:
    return [
        *(*_start(ffmpeg, demuxer, original), *NO_METADATA, *VIDEO),
        *("-map", "0:a:0?", *AUDIO, "-movflags", "+faststart", "-f", "mp4", rendition),
    ]


def audio(ffmpeg: str, demuxer: str, original: Path, rendition: str) -> list[str]:
    return [
        *(*_start(ffmpeg, demuxer, original), *NO_METADATA, "-vn", "-map", "0:a:0"),
        *(*AUDIO, "-movflags", "+faststart", "-f", "ipod", rendition),
    ]


def still(ffmpeg: str, rendition: Path, poster: str) -> list[str]:
    """A picture of what is seen in the first second: of the rendition, where nothing is hidden."""
    return [
        *(*_start(ffmpeg, "mov", rendition), *NO_METADATA, "-an", "-map", "0:V:0"),
        *("-vf", POSTER, "-frames:v", "1", "-q:v", "4", "-f", "mjpeg", poster),
    ]


def _start(ffmpeg: str, demuxer: str, file: Path) -> list[str]:
    return [
        *(ffmpeg, "-nostdin", "-hide_banner", "-v", "quiet", "-y"),
        *(*_reading(demuxer), "-i", str(file)),
    ]


def _reading(demuxer: str) -> list[str]:
    return [*READING, str(MOST_PIXELS), *THREADS, "-f", demuxer]
