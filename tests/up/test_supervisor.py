"""Programs are started in order, started again when they end, and stopped in reverse order."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from entrypoints.up.folder import Folder
from entrypoints.up.guardian import Guardian
from entrypoints.up.supervisor import Managed, Program, StartFailed, Times, run
from tests.servers import states_of, wait_until

TIMES = Times(poll=0.01, check=0.01, first_pause=0.01, longest_pause=0.04)
PATIENCE = 60
# Says that it is ready by making a file, and that it has stopped by appending a line to another.
WELL = 'trap "echo $0 >>../stopped; exit 0" TERM; touch ready; while :; do sleep 0.01; done'


@pytest.fixture
def guardian(tmp_path: Path) -> Iterator[Guardian]:
    with Folder(tmp_path / "locked") as folder, Guardian(folder.lock) as guardian:
        yield guardian


class World:
    """Programs in shell, and what the supervisor said about them."""

    def __init__(self, folder: Path, guardian: Guardian) -> None:
        self.folder, self.guardian = folder, guardian
        self.told: list[str] = []

    def kept(self, name: str, script: str = WELL, times: Times = TIMES) -> Managed:
        program = self.program(name, script)
        return Managed(program, asyncio.Semaphore(2), self.guardian, self.told.append, times)

    def program(self, name: str, script: str = WELL) -> Program:
        folder = self.folder / name
        return Program(
            name=name,
            address="",
            folder=folder,
            command=lambda: ["sh", "-c", script, name],
            answers=(folder / "ready").exists,
            lives=(folder / "ready").exists,
        )

    def stopped(self) -> list[str]:
        return (self.folder / "stopped").read_text().split()


@pytest.fixture
def world(tmp_path: Path, guardian: Guardian) -> World:
    return World(tmp_path, guardian)


def keep(layers: Sequence[Sequence[Managed]], when_ready: Callable[[], Awaitable[None]]) -> None:
    """Run the layers, and send this process SIGTERM once ``when_ready`` has returned."""

    async def then_stop() -> None:
        await when_ready()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await run(layers, then_stop)

    asyncio.run(bounded())


async def nothing() -> None:
    """Stop at once."""


def test_a_layer_starts_when_the_one_before_is_ready_and_stops_before_it(world: World) -> None:
    waits = "[ -e ../first/ready ] || exit 1; "
    keep([[world.kept("first")], [world.kept("second", waits + WELL)]], nothing)
    assert world.stopped() == ["second", "first"]


def test_a_killed_program_starts_again(world: World) -> None:
    kept = world.kept("service")
    ready = world.folder / "service" / "ready"

    async def kill_it() -> None:
        killed = kept.group
        assert killed
        os.kill(killed, signal.SIGKILL)
        ready.unlink()
        while kept.group in (killed, None) or not ready.exists():
            await asyncio.sleep(0)

    keep([[kept]], kill_it)
    assert world.told[0] == "service was killed by SIGKILL; it starts again in 0 s."
    assert world.stopped() == ["service"]


def test_the_children_of_a_killed_program_end_with_it(world: World) -> None:
    kept = world.kept("service", f"sleep 1000 & {WELL}")
    groups: list[int] = []

    async def kill_it() -> None:
        assert kept.group
        groups.append(kept.group)
        os.kill(kept.group, signal.SIGKILL)
        while kept.group in groups:
            await asyncio.sleep(0)

    keep([[kept]], kill_it)
    assert wait_until(lambda: states_of(groups[0]) <= {"Z"}, PATIENCE)


def test_pauses_grow_up_to_a_limit(world: World) -> None:
    times = Times(poll=0.001, check=0.001, first_pause=1, longest_pause=4)
    once_told = "touch ready; until [ -e ../end ]; do sleep 0.01; done; exit 3"
    kept = world.kept("service", once_told, times)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        if seconds >= times.first_pause:
            pauses.append(seconds)
        await asyncio_sleep(0)

    async def four_times() -> None:
        (world.folder / "end").touch()
        while len(pauses) < 4:
            await asyncio_sleep(0)

    asyncio_sleep = asyncio.sleep
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", pause)
        keep([[kept]], four_times)
    assert pauses[:4] == [1, 2, 4, 4]
    assert "service ended with status 3; it starts again in 1 s." in world.told


def test_a_program_that_no_longer_answers_starts_again(world: World) -> None:
    kept = world.kept("service", times=Times(poll=0.01, check=0.01, silence=0.05, first_pause=0.01))

    async def fall_silent() -> None:
        (world.folder / "service" / "ready").unlink()
        while not any("ready again" in line for line in world.told):
            await asyncio.sleep(0.01)

    keep([[kept]], fall_silent)
    assert world.told[0] == "service no longer answers; it starts again in 0 s."


def test_a_program_that_ends_at_its_first_start_stops_everything(world: World) -> None:
    broken = world.kept("broken", "while [ ! -e ../good/ready ]; do :; done; echo no luck; exit 2")
    with pytest.raises(ExceptionGroup) as found:
        keep([[world.kept("good"), broken]], nothing)
    (fault,) = found.value.exceptions
    assert isinstance(fault, StartFailed)
    assert str(fault) == "broken ended with status 2:\nno luck"
    assert world.stopped() == ["good"]


def test_a_program_that_is_not_ready_in_time_fails(world: World) -> None:
    slow = world.kept("slow", "exec sleep 1000", Times(poll=0.01, start=0.02))
    with pytest.raises(ExceptionGroup) as found:
        keep([[slow]], nothing)
    assert "slow was not ready in time" in str(found.value.exceptions[0])


def test_a_program_that_does_not_stop_is_killed(world: World) -> None:
    deaf = world.kept(
        "deaf",
        'trap "" TERM; touch ready; while :; do sleep 0.01; done',
        Times(poll=0.01, stop=0.02),
    )
    groups: list[int] = []

    async def remember() -> None:
        assert deaf.group
        groups.append(deaf.group)

    keep([[deaf]], remember)
    assert wait_until(lambda: states_of(groups[0]) <= {"Z"}, PATIENCE)


SUPERVISED = """
    import asyncio, sys
    from pathlib import Path
    from entrypoints.up.folder import Folder
    from entrypoints.up.guardian import Guardian
    from entrypoints.up.supervisor import Managed, Program, Times, run

    folder = Path(sys.argv[1])

    async def main(guardian):
        program = Program(name="x", address="", folder=folder / "x",
            command=lambda: ["sh", "-c", "sleep 1000 & touch ready; wait"],
            answers=(folder / "x" / "ready").exists, lives=(folder / "x" / "ready").exists)
        kept = Managed(program, asyncio.Semaphore(1), guardian, print, Times())

        async def ready():
            print(kept.group, flush=True)
            await asyncio.Event().wait()

        await run([[kept]], ready)

    with Guardian(Folder(folder).lock) as guardian:
        asyncio.run(main(guardian))
"""


def test_programs_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SUPERVISED), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        group = int(supervisor.stdout.readline())
        assert states_of(group)
        supervisor.kill()
    assert wait_until(lambda: states_of(group) <= {"Z"}, PATIENCE)
    assert wait_until(lambda: can_be_locked(tmp_path), PATIENCE)


def can_be_locked(path: Path) -> bool:
    from entrypoints.up.folder import FolderInUse

    try:
        Folder(path).lock.close()
    except FolderInUse:
        return False
    return True
