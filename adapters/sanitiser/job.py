"""One original that tools work on, in the sandbox."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from signal import SIGXFSZ
from time import monotonic

from adapters.memory_folders import bytes_left
from adapters.sanitiser import ffmpeg, reasons, sandbox
from adapters.sanitiser.sandbox import Isolation, Limits, ToolFailed
from application.ports.sanitiser import SanitiserUnavailable, Unsafe

RENDITION, POSTER = "rendition", "poster.jpg"
LEAST_ROOM = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The original, and the folder where its rendition and poster come to be.

    ``limits`` are those of each tool; all of them must be done ``until`` that monotonic time.
    """

    original: Path
    folder: Path
    limits: Limits
    isolate: Isolation
    until: float = inf

    def draw(self, module: str, *arguments: str) -> None:
        """Let one of our own tools draw rendition and poster."""
        command = [*sandbox.PYTHON, "adapters.sanitiser.tool", module, *arguments]
        self._run([*command, RENDITION, POSTER], self.original)

    def play(self, command: Sequence[str], reads: Path | None = None) -> bytes:
        """Let ffmpeg or ffprobe read the original, or another file; its answer."""
        try:
            return self._run(command, reads or self.original)
        except ToolFailed as failed:
            if failed.status == ffmpeg.SIGNALLED:
                raise Unsafe(reasons.TOOK_TOO_LONG) from failed
            sandbox.require_that_it_works(self.isolate, ffmpeg.self_test(program("ffmpeg")))
            raise

    def written(self, name: str) -> Path:
        """Return a file that a tool wrote. One taken over by its input could leave a link to ours."""
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
            # Where memory is short, what was refused may still fit later.
            short = limits.file_size < self.limits.file_size
            if bytes_left(self.folder) < LEAST_ROOM or (short and failed.killed_by == SIGXFSZ):
                raise SanitiserUnavailable("there is no room to make evidence safe") from failed
            raise


def program(name: str) -> str:
    """Where a program of the machine is. Raises SanitiserUnavailable where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise SanitiserUnavailable(f"{name} is not installed")
    return str(Path(found).resolve())
