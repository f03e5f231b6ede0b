"""Start programs in order, start each again when it ends, and stop all in reverse order."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from entrypoints.up.guardian import Guardian

LAST_LINES = 15
LAST_BYTES = 4_000


class StartFailed(Exception):
    """A program ended, or did not answer in time, before it was ready for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is run and kept running.

    ``command`` may raise ServerMissing. ``answers`` returns whether it is ready, and ``lives``
    whether it still works; both may take some seconds.
    """

    name: str
    address: str
    folder: Path
    command: Callable[[], Sequence[str]]
    answers: Callable[[], bool]
    lives: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    lag: Callable[[], int | None] = lambda: None

    @property
    def log(self) -> Path:
        return self.folder / "output.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long the supervisor waits, in seconds."""

    poll: float = 0.5
    check: float = 10.0
    start: float = 600.0
    silence: float = 60.0
    stop: float = 75.0
    first_pause: float = 1.0
    longest_pause: float = 60.0


class Managed:
    """A program that is started again whenever it ends, after a pause that grows."""

    def __init__(
        self,
        program: Program,
        starts: asyncio.Semaphore,
        guardian: Guardian,
        tell: Callable[[str], None],
        times: Times,
    ) -> None:
        self.program = program
        self.group: int | None = None
        self.seconds_to_ready: float | None = None
        self.was_ready = asyncio.Event()
        self._starts, self._guardian, self._tell, self._times = starts, guardian, tell, times
        self._pause = times.first_pause

    async def run(self) -> None:
        """Run the program until this is cancelled. Raises StartFailed."""
        while True:
            why = await self._run_once()
            self._tell(f"{self.program.name} {why}; it starts again in {self._pause:.0f} s.")
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, self._times.longest_pause)

    async def _run_once(self) -> str:
        """Run the program, and return why it ended."""
        async with self._starts:
            process = await self._launch()
            try:
                why = await self._until_ready(process)
            except BaseException:
                await self._end(process)
                raise
        try:
            return why or await self._until_it_ends(process)
        finally:
            await self._end(process)

    async def _launch(self) -> asyncio.subprocess.Process:
        self.program.folder.mkdir(parents=True, exist_ok=True)
        with self.program.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self.program.command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.program.folder,
                env={**os.environ, **self.program.environment},
                process_group=0,
            )
        self.group = process.pid
        self._guardian.watch(process.pid)
        return process

    async def _until_ready(self, process: asyncio.subprocess.Process) -> str:
        """Wait until the program is ready. Returns why it is not, if it is not."""
        began = time.monotonic()
        while process.returncode is None and time.monotonic() - began < self._times.start:
            if await asyncio.to_thread(self.program.answers):
                self._now_ready(time.monotonic() - began)
                return ""
            await asyncio.sleep(self._times.poll)
        why = _why(process) or "was not ready in time"
        if not self.was_ready.is_set():
            raise StartFailed(f"{self.program.name} {why}:\n{_end_of(self.program.log)}")
        return why

    def _now_ready(self, seconds: float) -> None:
        self.seconds_to_ready = seconds
        if self.was_ready.is_set():
            self._tell(f"{self.program.name} is ready again, after {seconds:.0f} s.")
        self.was_ready.set()

    async def _until_it_ends(self, process: asyncio.subprocess.Process) -> str:
        """Wait until the program ends or no longer works, and return which."""
        since = heard = time.monotonic()
        while heard + self._times.silence > time.monotonic():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._times.check):
                    await process.wait()
                    return _why(process)
            if await asyncio.to_thread(self.program.lives):
                heard = time.monotonic()
            if heard - since > self._times.longest_pause:
                self._pause = self._times.first_pause
        return "no longer answers"

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Let the program finish, then kill what is left of it."""
        try:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._times.stop):
                    await process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            self._guardian.forget(process.pid)
            self.group = None
            await process.wait()


async def run(
    layers: Sequence[Sequence[Managed]], when_ready: Callable[[], Awaitable[None]]
) -> None:
    """Start one layer after the other, then call ``when_ready``, and go on until SIGINT or SIGTERM.

    Then stop them in reverse order. A second signal kills what has not stopped yet. Raises an
    ExceptionGroup with StartFailed or ServerMissing.
    """
    loop, this = asyncio.get_running_loop(), asyncio.current_task()
    assert this is not None  # noqa: S101 -- a coroutine runs in a task
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, this.cancel)
    with suppress(asyncio.CancelledError):
        await _run(layers, when_ready)


async def _run(
    layers: Sequence[Sequence[Managed]], when_ready: Callable[[], Awaitable[None]]
) -> None:
    if not layers:
        await when_ready()
        return
    async with asyncio.TaskGroup() as group:
        for kept in layers[0]:
            group.create_task(kept.run())
        for kept in layers[0]:
            await kept.was_ready.wait()
        await _run(layers[1:], when_ready)


def _why(process: asyncio.subprocess.Process) -> str:
    match process.returncode:
        case None:
            return ""
        case int(code) if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        case code:
            return f"ended with status {code}"


def _end_of(log: Path) -> str:
    end = log.read_bytes()[-LAST_BYTES:].decode(errors="replace")
    return "\n".join(end.splitlines()[-LAST_LINES:])
