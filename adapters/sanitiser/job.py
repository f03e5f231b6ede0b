"""One original, and the runs of the sandboxed tools that process it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from signal import SIGXFSZ
from time import monotonic

from adapters.memory_folders import bytes_left
from adapters.sanitiser import ffmpeg, reasons, sandbox
from adapters.sanitiser.sandbox import Isolation, ToolFailed, ToolLimits
from application.ports.sanitiser import SanitiserUnavailable, Unsafe

RENDITION, POSTER = "rendition", "poster.jpg"
LEAST_ROOM = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SanitiserJob:
    """The original, and the folder for its rendition and poster.

    ``limits`` apply to each tool. ``until`` is the monotonic time by which all have to finish.
    """

    original: Path
    folder: Path
    limits: ToolLimits
    isolate: Isolation
    until: float = inf

    def draw(self, module: str, *arguments: str) -> None:
        """Run one of this package's tools, which writes rendition and poster."""
        command = [*sandbox.PYTHON, "adapters.sanitiser.tool", module, *arguments]
        self._run([*command, RENDITION, POSTER], self.original)

    def play(self, command: Sequence[str], reads: Path | None = None) -> bytes:
        """Run ffmpeg or ffprobe on the original or another file. Returns its output."""
        try:
            return self._run(command, reads or self.original)
        except ToolFailed as failed:
            if failed.status == ffmpeg.SIGNALLED:
                raise Unsafe(reasons.TOOK_TOO_LONG) from failed
            sandbox.require_that_it_works(self.isolate, ffmpeg.self_test(program("ffmpeg")))
            raise

    def written(self, name: str) -> Path:
        """Return a file that a tool wrote. Refuses a link: a hijacked tool could leave one."""
        path = self.folder / name
        if path.is_symlink() or not path.is_file() or path.stat().st_size == 0:
            raise Unsafe(reasons.DAMAGED)
        return path

    def _run(self, command: Sequence[str], reads: Path) -> bytes:
        limits = replace(
            self.limits,
            seconds=min(self.limits.seconds, max(0.0, self.until - monotonic())),
            file_size=min(self.limits.file_size, bytes_left(self.folder)),
        )
        try:
            return sandbox.run(command, reads, self.folder, limits, self.isolate)
        except ToolFailed as failed:
            # With more memory available, a retry may succeed.
            short = limits.file_size < self.limits.file_size
            if bytes_left(self.folder) < LEAST_ROOM or (short and failed.killed_by == SIGXFSZ):
                raise SanitiserUnavailable("no memory is left to make evidence safe") from failed
            raise


def program(name: str) -> str:
    """Return the path of an installed program. Raises SanitiserUnavailable without it."""
    found = shutil.which(name)
    if found is None:
        raise SanitiserUnavailable(f"{name} is not installed")
    return str(Path(found).resolve())
