"""Make evidence safe by decoding it and encoding it again, with tools in a sandbox."""

from math import inf
from pathlib import Path
from time import monotonic
from typing import assert_never

from adapters.sanitiser import reasons, recordings
from adapters.sanitiser.formats import MEDIA_TYPES, Format, format_of
from adapters.sanitiser.job import POSTER, RENDITION, SanitiserJob
from adapters.sanitiser.sandbox import Isolations, TookTooLong, ToolFailed, ToolLimits
from adapters.sanitiser.trailers import JPEG, PDF, append_trailer
from application.ports.sanitiser import NeedsLonger, Rendition, Unsafe
from domain.ids import MediaKind

HEAD = 4096
RECORDED = ToolLimits(seconds=3600, cpu_seconds=1800)
STILL = ToolLimits(seconds=600, cpu_seconds=90, memory=3 << 30, file_size=256 << 20)


class SandboxedSanitiser:
    """``recorded`` are the limits for video and audio, ``still`` those for photos and documents.

    ``isolations`` finds the sandbox. By default nothing runs without bubblewrap.
    """

    media_types = MEDIA_TYPES

    def __init__(
        self,
        *,
        recorded: ToolLimits = RECORDED,
        still: ToolLimits = STILL,
        isolations: Isolations | None = None,
    ) -> None:
        self._recorded = recorded
        self._still = still
        self._isolations = isolations or Isolations()

    def recognise(self, head: bytes) -> tuple[MediaKind, str] | None:
        format_ = format_of(head)
        return (format_.kind, format_.media_type) if format_ else None

    def sanitise(
        self,
        kind: MediaKind,
        original: Path,
        folder: Path,
        *,
        trailer: str,
        within: float | None = None,
    ) -> Rendition:
        format_ = _format_of(original)
        if format_ is None or format_.kind is not kind:
            raise Unsafe(reasons.NOT_TAKEN)
        try:
            rendition = _render(self._job(kind, original, folder, within), format_)
            return _with_trailer(rendition, trailer)
        except TookTooLong as late:
            if within is not None:
                raise NeedsLonger from late
            raise Unsafe(reasons.TOOK_TOO_LONG) from late
        except ToolFailed as failed:
            raise Unsafe(reasons.of_end(failed.status, failed.killed_by)) from failed

    def _job(
        self, kind: MediaKind, original: Path, folder: Path, within: float | None
    ) -> SanitiserJob:
        is_still = kind in (MediaKind.PHOTO, MediaKind.DOCUMENT)
        return SanitiserJob(
            original=original.resolve(),
            folder=folder.resolve(),
            limits=self._still if is_still else self._recorded,
            isolate=self._isolations(),
            until=inf if within is None else monotonic() + within,
        )


def _render(job: SanitiserJob, format_: Format) -> Rendition:
    match format_.kind:
        case MediaKind.VIDEO | MediaKind.AUDIO:
            return recordings.render(job, format_)
        case MediaKind.PHOTO:
            job.draw("photo", format_.decoder, str(job.original))
            return _drawn(job, JPEG)
        case MediaKind.DOCUMENT:
            job.draw("document", str(job.original))
            return _drawn(job, PDF)
        case _:
            assert_never(format_.kind)


def _with_trailer(rendition: Rendition, trailer: str) -> Rendition:
    append_trailer(rendition.path, rendition.media_type, trailer)
    if rendition.poster:
        append_trailer(rendition.poster, JPEG, trailer)
    return rendition


def _drawn(job: SanitiserJob, media_type: str) -> Rendition:
    path, poster = job.written(RENDITION), job.written(POSTER)
    return Rendition(path=path, media_type=media_type, poster=poster)


def _format_of(original: Path) -> Format | None:
    with original.open("rb") as file:
        return format_of(file.read(HEAD))
