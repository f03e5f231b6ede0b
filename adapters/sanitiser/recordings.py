"""Make films and sound recordings safe with ffmpeg."""

from functools import partial

from adapters.sanitiser import contents, ffmpeg, reasons
from adapters.sanitiser.contents import Contents
from adapters.sanitiser.ffmpeg import Colours
from adapters.sanitiser.formats import Format
from adapters.sanitiser.job import POSTER, RENDITION, SanitiserJob, program
from adapters.sanitiser.sandbox import ToolFailed
from application.ports.sanitiser import Rendition, Unsafe
from domain.ids import MediaKind

MP4_DEMUXER = "mov"
FIRST_PICTURE = "first"
SECONDS_IN_HOUR = 3600


def render(job: SanitiserJob, format_: Format) -> Rendition:
    """Render a film, or sound alone, which may come in the container of a film."""
    held = _contents(job, format_)
    if format_.kind is MediaKind.VIDEO and held.shows_pictures:
        return _film(job, format_, held)
    return _sound(job, format_, held)


def _contents(job: SanitiserJob, format_: Format) -> Contents:
    tool = program("ffmpeg")
    try:
        answer = job.play(ffmpeg.list_contents(tool, format_.decoder, job.original))
    except ToolFailed as failed:
        raise Unsafe(_why_unlisted(job, format_)) from failed
    held = contents.parse(answer)
    if held.nothing_recorded:
        raise Unsafe(reasons.NOTHING_RECORDED)
    return held


def _why_unlisted(job: SanitiserJob, format_: Format) -> str:
    if format_.decoder == MP4_DEMUXER and contents.broke_off(job.original):
        return reasons.INTERRUPTED
    try:
        job.play(ffmpeg.open_only(program("ffmpeg"), format_.decoder, job.original))
    except ToolFailed:
        return reasons.DAMAGED
    return reasons.NOTHING_RECORDED


def _film(job: SanitiserJob, format_: Format, held: Contents) -> Rendition:
    if held.picture not in ffmpeg.PICTURE_DECODERS:
        raise Unsafe(reasons.CANNOT_DECODE.format(codec=held.picture))
    _require_length(held.seconds, ffmpeg.MOST_FILM_SECONDS)
    if held.pixels > ffmpeg.MOST_PIXELS:
        raise Unsafe(reasons.PICTURES_TOO_LARGE)
    if held.pixels * held.pictures > ffmpeg.MOST_FILM_PIXELS:
        raise Unsafe(reasons.TOO_MANY_PICTURES)
    has_sound = _encode_film(job, format_, held)
    path = job.written(RENDITION)
    seconds = _duration(job, ffmpeg.MOST_FILM_SECONDS)
    job.play(ffmpeg.still(program("ffmpeg"), path, POSTER), path)
    poster = job.written(POSTER)
    left_out = reasons.SOUND_LEFT_OUT if held.sounds and not has_sound else ""
    return Rendition(
        path=path, media_type="video/mp4", duration=seconds, poster=poster, left_out=left_out
    )


def _encode_film(job: SanitiserJob, format_: Format, held: Contents) -> bool:
    """Encode the film. Returns False if its sound could not be decoded and was left out."""
    tool, sound, colours = program("ffmpeg"), _readable_sound(held), _colours(job, format_)
    film = partial(ffmpeg.video, tool, format_.decoder, job.original, RENDITION, colours=colours)
    if sound is not None:
        try:
            job.play(film(sound=sound))
        except ToolFailed as failed:
            if failed.killed_by is not None:
                raise
        else:
            return True
    job.play(film(sound=None))
    return False


def _sound(job: SanitiserJob, format_: Format, held: Contents) -> Rendition:
    if not held.sounds:
        raise Unsafe(reasons.NOTHING_RECORDED)
    sound = _readable_sound(held)
    if sound is None:
        raise Unsafe(reasons.CANNOT_DECODE.format(codec=held.sounds[0]))
    _require_length(held.seconds, ffmpeg.MOST_SOUND_SECONDS)
    tool = program("ffmpeg")
    job.play(ffmpeg.audio(tool, format_.decoder, job.original, RENDITION, sound=sound))
    seconds = _duration(job, ffmpeg.MOST_SOUND_SECONDS)
    return Rendition(path=job.written(RENDITION), media_type="audio/mp4", duration=seconds)


def _readable_sound(held: Contents) -> int | None:
    """Return the number of the first sound track with an accepted codec, or None."""
    known = [codec in ffmpeg.SOUND_DECODERS for codec in held.sounds]
    return known.index(True) if True in known else None


def _colours(job: SanitiserJob, format_: Format) -> Colours:
    """Return the colours that the film declares; undeclared ones if they cannot be read."""
    first = ffmpeg.first_picture(program("ffmpeg"), format_.decoder, job.original, FIRST_PICTURE)
    try:
        job.play(first)
        picture = job.written(FIRST_PICTURE)
        answer = job.play(ffmpeg.colours(program("ffprobe"), picture), picture)
    except (ToolFailed, Unsafe):
        return ffmpeg.AS_IT_IS
    return contents.parse_colours(answer)


def _duration(job: SanitiserJob, most: int) -> float:
    """Return the seconds of the rendition. Raises Unsafe if there are none or too many."""
    path = job.written(RENDITION)
    answer = job.play(ffmpeg.duration(program("ffprobe"), path), path)
    try:
        seconds = float(answer)
    except ValueError:
        raise Unsafe(reasons.NOTHING_RECORDED) from None
    _require_length(seconds, most)
    return seconds


def _require_length(seconds: float, most: int) -> None:
    if seconds > most:
        raise Unsafe(reasons.TOO_LONG.format(hours=most / SECONDS_IN_HOUR))
