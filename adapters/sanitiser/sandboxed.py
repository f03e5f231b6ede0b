"""Evidence is decoded and encoded anew, by tools in a sandbox."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from adapters.sanitiser import ffmpeg, sandbox
from adapters.sanitiser.formats import MEDIA_TYPES, Format, format_of
from adapters.sanitiser.refusals import Refusal
from adapters.sanitiser.sandbox import Limits, TookTooLong, ToolFailed
from application.ports.sanitiser import NeedsLonger, Rendition, SanitiserUnavailable, Unsafe
from domain.ids import MediaKind

HEAD = 4096
SPARE_ROOM = 64 << 20
RECORDED = Limits(seconds=1800)
STILL = Limits(seconds=300, memory=3 << 30)
RENDITION, POSTER = "rendition", "poster.jpg"

# How Python ends when something is wrong with us: a library or a place to write is missing.
OUR_FAULT = 1
DAMAGED = "This file is damaged, or it is not what it says it is."
REASONS: dict[int, str] = {
    Refusal.DAMAGED: DAMAGED,
    Refusal.TOO_LARGE: "This picture is too large; please send a smaller one.",
    Refusal.TOO_MANY_PAGES: "This document has more than 200 pages; please send it in parts.",
    Refusal.LOCKED: "This document needs a password; please send it without one.",
}
TOOK_TOO_LONG = "This took too long to make safe; please send a shorter or smaller file."
NOT_TAKEN = "This is not a kind of file that we can make safe."


class SandboxedSanitiser:
    """``recorded`` are the limits for video and audio, ``still`` those for photos and documents."""

    media_types = MEDIA_TYPES

    def __init__(
        self,
        *,
        recorded: Limits = RECORDED,
        still: Limits = STILL,
    ) -> None:
        self._recorded = recorded
        self._still = still

    def recognise(self, head: bytes) -> tuple[MediaKind, str] | None:
        format_ = format_of(head)
        return (format_.kind, format_.media_type) if format_ else None

    def sanitise(
        self, kind: MediaKind, original: Path, folder: Path, *, within: float | None = None
    ) -> Rendition:
        try:
            return self._limited_to(within)._sanitise(kind, original, folder)
        except TookTooLong as late:
            if within is not None:
                raise NeedsLonger from late
            raise Unsafe(TOOK_TOO_LONG) from late

    def _limited_to(self, seconds: float | None) -> "SandboxedSanitiser":
        """The same sanitiser, whose tools may take so many seconds at most."""
        if seconds is None:
            return self
        return SandboxedSanitiser(
            recorded=_limited(self._recorded, seconds), still=_limited(self._still, seconds)
        )

    def _sanitise(self, kind: MediaKind, original: Path, folder: Path) -> Rendition:
        _require_room(original, folder)
        original, folder = original.resolve(), folder.resolve()
        format_ = _format_of(original)
        if format_ is None or format_.kind is not kind:
            raise Unsafe(NOT_TAKEN)
        try:
            return self._render(format_, original, folder)
        except ToolFailed as failed:
            raise Unsafe(REASONS.get(failed.status, DAMAGED)) from failed

    def _render(self, format_: Format, original: Path, folder: Path) -> Rendition:
        match format_.kind:
            case MediaKind.VIDEO | MediaKind.AUDIO:
                return self._recording(format_, original, folder)
            case MediaKind.PHOTO:
                self._draw("photo", [format_.decoder, str(original)], original, folder)
                return _drawn(folder, "image/jpeg")
            case MediaKind.DOCUMENT:
                self._draw("document", [str(original)], original, folder)
                return _drawn(folder, "application/pdf")
            case _:
                assert_never(format_.kind)

    def _draw(self, module: str, arguments: list[str], original: Path, folder: Path) -> None:
        tool = [*sandbox.PYTHON, f"adapters.sanitiser.{module}"]
        try:
            sandbox.run([*tool, *arguments, RENDITION, POSTER], original, folder, self._still)
        except ToolFailed as failed:
            if failed.status == OUR_FAULT:
                raise SanitiserUnavailable(f"no {module} can be made safe") from failed
            raise

    def _recording(self, format_: Format, original: Path, folder: Path) -> Rendition:
        if format_.kind is MediaKind.VIDEO and self._has_picture(format_, original, folder):
            return self._video(format_, original, folder)
        return self._audio(format_, original, folder)

    def _has_picture(self, format_: Format, original: Path, folder: Path) -> bool:
        """Phones and browsers also record sound alone into the containers of videos."""
        search = ffmpeg.find_picture(_tool("ffmpeg"), format_.decoder, original)
        try:
            self._run(search, original, folder)
        except ToolFailed:
            return False
        return True

    def _video(self, format_: Format, original: Path, folder: Path) -> Rendition:
        tool = _tool("ffmpeg")
        self._run(ffmpeg.video(tool, format_.decoder, original, RENDITION), original, folder)
        path = _written(folder / RENDITION)
        self._run(ffmpeg.still(tool, path, POSTER), path, folder)
        return Rendition(
            path=path,
            media_type="video/mp4",
            duration=self._duration(path, folder),
            poster=_written(folder / POSTER),
        )

    def _audio(self, format_: Format, original: Path, folder: Path) -> Rendition:
        tool = _tool("ffmpeg")
        self._run(ffmpeg.audio(tool, format_.decoder, original, RENDITION), original, folder)
        path = _written(folder / RENDITION)
        return Rendition(path=path, media_type="audio/mp4", duration=self._duration(path, folder))

    def _duration(self, rendition: Path, folder: Path) -> float:
        command = ffmpeg.duration(_tool("ffprobe"), rendition)
        return float(self._run(command, rendition, folder))

    def _run(self, command: Sequence[str], reads: Path, folder: Path) -> bytes:
        return sandbox.run(command, reads, folder, self._recorded)


def _limited(limits: Limits, seconds: float) -> Limits:
    return replace(limits, seconds=min(limits.seconds, seconds))


def _format_of(original: Path) -> Format | None:
    with original.open("rb") as file:
        return format_of(file.read(HEAD))


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SanitiserUnavailable(f"{name} is not installed")
    return str(Path(found).resolve())


def _require_room(original: Path, folder: Path) -> None:
    """A full disk must not look like a damaged file."""
    if shutil.disk_usage(folder).free < 2 * original.stat().st_size + SPARE_ROOM:
        raise SanitiserUnavailable("there is no room to make evidence safe")


def _drawn(folder: Path, media_type: str) -> Rendition:
    path, poster = _written(folder / RENDITION), _written(folder / POSTER)
    return Rendition(path=path, media_type=media_type, poster=poster)


def _written(path: Path) -> Path:
    """A tool taken over by its input could leave a link to a file of ours in place of its own."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size == 0:
        raise Unsafe(DAMAGED)
    return path
