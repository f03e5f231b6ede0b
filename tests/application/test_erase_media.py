"""Erasing media: none of an erased member stay, even when a process is killed between two steps."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.sealed import SealedMediaStore
from adapters.uploads.memory import MemoryUploads
from adapters.workrooms import Workrooms
from application.engine.executor import CommandContext
from application.ports.sanitiser import Rendition, Unsafe
from application.ports.uploads import Quota
from application.use_cases.evidence.erase import EraseMedia
from application.use_cases.evidence.media import DestroyMedia, poster_key, rendition_key
from application.use_cases.evidence.sanitise import SanitiseEvidence
from application.use_cases.evidence.uploads import ReceiveUploads
from domain.actors import Actor
from domain.decider import DomainError
from domain.evidence.evidence import EvidenceReceived
from domain.ids import MediaKind
from domain.members.member import EraseMember
from tests.application.mortal import STEPS, Death, Died, Mortal
from tests.world import World, refused

CONTENT = b"good" + bytes(range(256)) * 10
REQUEST = CommandContext()
QUOTA = Quota(pieces=1_000_000, size=10**12)
STEPS_FROM_UPLOAD_TO_RENDITION = 20
STEPS_OF_AN_ERASURE = 21


class Sanitiser:
    """Makes a rendition of what begins with "good", and takes everything."""

    media_types: ClassVar = {MediaKind.VIDEO: ("video/mp4",)}

    def recognise(self, head: bytes) -> tuple[MediaKind, str] | None:
        return MediaKind.VIDEO, "video/mp4"

    def sanitise(
        self,
        kind: MediaKind,
        original: Path,
        folder: Path,
        *,
        trailer: str,
        within: float | None = None,
    ) -> Rendition:
        if not original.read_bytes().startswith(b"good"):
            raise Unsafe("It is broken.")
        (folder / "safe").write_bytes(b"safe")
        (folder / "poster").write_bytes(b"poster")
        return Rendition(path=folder / "safe", media_type="video/mp4", poster=folder / "poster")


class Process:
    """One process of the evidence service, which may die."""

    def __init__(self, town: "Town", *deaths: Death) -> None:
        self.town, self.world = town, town.world
        uploads, media = town.states, town.media
        evidence, vault = self.world.executors.evidence, self.world.vault
        parts: dict[str, Any] = {
            "uploads": uploads,
            "media": media,
            "evidence": evidence,
            "vault": vault,
        }
        for death in deaths:
            parts = {name: Mortal(part, STEPS[name], death) for name, part in parts.items()}
        vault = parts.pop("vault")
        sealed = SealedMediaStore(parts["media"], vault)
        common: dict[str, Any] = {
            "media": sealed,
            "evidence": parts["evidence"],
            "sanitiser": Sanitiser(),
            "destroy": DestroyMedia(vault, sealed, parts["uploads"]),
            "is_erased": self.world.is_erased,
            "clock": self.world.clock,
        }
        self.uploads = ReceiveUploads(
            **common,
            uploads=parts["uploads"],
            aliases=self.world.container.aliases(),
            largest=1_000_000,
            quota=QUOTA,
        )
        self.sanitise = SanitiseEvidence(**common, room=town.rooms.room)
        self.erase = EraseMedia(
            self.world.use_cases.contributions,
            uploads=self.uploads,
            destroy=common["destroy"],
            evidence=evidence,
            clock=self.world.clock,
        )

    def upload(self, owner: Actor, name: str, content: bytes = CONTENT) -> None:
        """All of it, in two requests."""
        self.begin(owner, name, content)
        self.uploads.append(owner, name, 100, iter([content[100:]]), REQUEST)

    def begin(self, owner: Actor, name: str, content: bytes = CONTENT) -> None:
        self.uploads.begin(owner, name, len(content))
        self.uploads.append(owner, name, 0, iter([content[:100]]), REQUEST)

    def sanitise_received(self) -> None:
        """Sanitise received evidence, as its policy does; events may be handled again."""
        for event in self.world.history.read("evidence", 0, 1000):
            received = self.world.codec.decode(event)
            if isinstance(received, EvidenceReceived):
                self.sanitise(received, partial(context_of, event.id))


def context_of(event_id: str, what: str) -> CommandContext:
    return CommandContext(command_id=f"{event_id} {what}")


class Town:
    """What outlives processes."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.anna, self.ben = self.world.member("Anna"), self.world.member("Ben")
        self.states = MemoryUploads()
        self.media = FilesystemMediaStore(folder / "media")
        self.rooms = Workrooms(folder)

    def process(self, *deaths: Death) -> Process:
        return Process(self, *deaths)

    def ask_for_erasure(self) -> None:
        """The log has it; processes that remember Anna's key may go on using it for a moment."""
        command = EraseMember(by=self.anna, at=self.world.clock())
        self.world.executors.members.execute(self.anna.member_id, command, CommandContext())

    def erase(self, *, remembered: bool = False) -> None:
        """What happens at an erasure, and what its policy does."""
        self.ask_for_erasure()
        if not remembered:
            self.world.vault.destroy(self.anna.member_id)
        self.process().erase(self.anna.member_id)

    def files(self) -> list[str]:
        return list(self.media.keys(""))

    def knows_anna(self) -> bool:
        return any(each.owner == self.anna.member_id for each in self.states._uploads.values())


@pytest.fixture(autouse=True)
def careless_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here hangs on what a disk keeps through a power cut."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def town(memory: Path) -> Town:
    return Town(memory)


def fill(town: Town) -> None:
    """Anna's evidence in each of its states, and Ben's."""
    process = town.process()
    process.upload(town.anna, "a-available")
    process.upload(town.anna, "a-rejected", b"bad" * 100)
    process.upload(town.ben, "b-available")
    process.sanitise_received()
    process.upload(town.anna, "a-received")
    process.begin(town.anna, "a-arriving")
    process.begin(town.ben, "b-arriving")


def assert_only_media_of_ben_stay(town: Town) -> None:
    assert not [key for key in town.files() if "a-" in key]
    for name in ("a-available", "a-rejected", "a-received", "a-arriving"):
        assert not town.world.vault.key(f"evidence/{name}")
    assert not town.knows_anna()
    for key in (rendition_key("b-available"), poster_key("b-available"), "originals/b-available"):
        assert key in town.files()
    town.process().uploads.append(town.ben, "b-arriving", 100, iter([CONTENT[100:]]), REQUEST)


def assert_nothing_stays(town: Town) -> None:
    assert town.files() == []
    assert not town.world.vault.key("evidence/e1")
    assert not town.knows_anna()


def test_erasing_destroys_the_media_of_the_member_and_no_others(town: Town) -> None:
    fill(town)
    assert "originals/a-rejected" not in town.files()
    town.erase()
    assert_only_media_of_ben_stay(town)
    with refused("not-found"):
        town.process().uploads.look(town.anna, "a-arriving", REQUEST)


def test_erasing_media_without_an_erasure_in_the_log_destroys_nothing(town: Town) -> None:
    fill(town)
    files = town.files()
    town.process().erase(town.anna.member_id)
    assert town.files() == files
    assert town.knows_anna()


def test_an_upload_that_continues_during_the_erasure_is_refused_and_leaves_nothing(
    town: Town,
) -> None:
    def erased_meanwhile() -> Iterator[bytes]:
        yield CONTENT[100:200]
        town.erase()
        yield CONTENT[200:]

    process = town.process()
    process.begin(town.anna, "e1")
    with refused("erased"):
        process.uploads.append(town.anna, "e1", 100, erased_meanwhile(), REQUEST)
    town.process().uploads.sweep()
    assert_nothing_stays(town)


def test_an_upload_begun_after_the_erasure_is_removed_by_the_sweep(town: Town) -> None:
    process = town.process()
    town.erase()
    process.begin(town.anna, "e1")
    assert town.files()
    town.process().uploads.sweep()
    assert_nothing_stays(town)


def test_evidence_that_is_sanitised_before_the_erasure_is_handled_is_destroyed(town: Town) -> None:
    process = town.process()
    process.upload(town.anna, "e1")
    town.ask_for_erasure()
    town.world.vault.destroy(town.anna.member_id)
    process.sanitise_received()
    assert rendition_key("e1") in town.files()
    process.erase(town.anna.member_id)
    assert_nothing_stays(town)


def test_evidence_of_an_owner_whose_key_is_destroyed_is_not_sanitised(town: Town) -> None:
    process = town.process()
    process.upload(town.anna, "e1")
    town.world.vault.destroy(town.world.executors.evidence.load("e1").state.owner)
    process.sanitise_received()
    assert_nothing_stays(town)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(STEPS_OF_AN_ERASURE + 1))
def test_a_killed_erasure_is_finished_by_the_next(town: Town, step: int, after: bool) -> None:
    fill(town)
    town.ask_for_erasure()
    town.world.vault.destroy(town.anna.member_id)
    death = Death(step, after)
    with suppress(Died):
        town.process(death).erase(town.anna.member_id)
    assert death.happened == (step < STEPS_OF_AN_ERASURE)
    town.process().erase(town.anna.member_id)
    assert_only_media_of_ben_stay(town)


@pytest.mark.parametrize("remembered", [False, True], ids=["forgotten", "remembered"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(STEPS_FROM_UPLOAD_TO_RENDITION + 1))
class TestErasureBetweenAnyTwoSteps:
    """Between any two steps, from the first byte of an upload to its rendition."""

    def test_no_media_stay(self, town: Town, step: int, after: bool, remembered: bool) -> None:
        erasure = Death(step, after, lambda: town.erase(remembered=remembered))
        run_to_the_end(town, town.process(erasure))
        assert erasure.happened == (step < STEPS_FROM_UPLOAD_TO_RENDITION)
        if erasure.happened:
            assert_nothing_is_left_behind(town)

    def test_no_media_stay_if_the_process_is_killed_later(
        self, memory: Path, step: int, after: bool, remembered: bool
    ) -> None:
        for later in range(step, STEPS_FROM_UPLOAD_TO_RENDITION):
            folder = memory / str(later)
            folder.mkdir()
            town = Town(folder)
            erasure, death = Death(step, after, erasing(town, remembered)), Death(later, after=True)
            with suppress(Died):
                run_to_the_end(town, town.process(erasure, death))
            if erasure.happened:
                assert_nothing_is_left_behind(town)
            if not death.happened:
                break


def erasing(town: Town, remembered: bool) -> Callable[[], None]:
    return lambda: town.erase(remembered=remembered)


def run_to_the_end(town: Town, process: Process) -> None:
    """Upload and sanitise, as far as is still allowed."""
    with suppress(DomainError):
        process.upload(town.anna, "e1")
    process.sanitise_received()


def assert_nothing_is_left_behind(town: Town) -> None:
    """What the next process does by itself is enough, and the erasure's policy is long done."""
    town.world.vault.destroy(town.anna.member_id)
    town.process().sanitise_received()
    town.process().uploads.sweep()
    assert not town.world.vault.key("evidence/e1")
    assert not town.knows_anna()
    assert set(town.files()) <= {"originals/e1"}
    town.world.clock.wind(days=8)
    town.process().uploads.sweep()
    assert_nothing_stays(town)
    assert town.states.get("e1") is None
