"""Sanitising evidence: it becomes available or is rejected, once."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.sealed import SealedMediaStore
from adapters.uploads.memory import MemoryUploads
from adapters.workrooms import Workrooms
from application.engine.executor import CommandContext
from application.ports.key_vault import evidence_subject
from application.ports.sanitiser import NeedsLonger, Rendition, SanitiserUnavailable, Unsafe
from application.use_cases.evidence.media import (
    DestroyMedia,
    original_key,
    poster_key,
    rendition_key,
)
from application.use_cases.evidence.sanitise import SanitiseEvidence
from domain.decider import DomainError
from domain.evidence.evidence import (
    EvidenceCommand,
    EvidenceEvent,
    EvidenceMadeAvailable,
    EvidenceReceived,
    MakeAvailable,
)
from domain.ids import EvidenceId, MediaKind, MemberId
from tests.world import World, refused

ORIGINAL = b"an original that tells too much"


class Sanitiser:
    """Makes a rendition of any original, unless a test has something else in mind."""

    media_types: ClassVar = {MediaKind.VIDEO: ("video/mp4",)}

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.within: list[float | None] = []
        self.trailers: list[str] = []
        self.with_poster = True
        self.left_out = ""
        self.calls = 0

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
        self.calls += 1
        self.trailers.append(trailer)
        self.within.append(within)
        assert original.read_bytes() == ORIGINAL
        if self.error:
            raise self.error
        (folder / "safe").write_bytes(b"safe")
        (folder / "poster").write_bytes(b"poster")
        poster = folder / "poster" if self.with_poster else None
        return Rendition(
            path=folder / "safe", media_type="video/mp4", poster=poster, left_out=self.left_out
        )


class Stage:
    def __init__(self, folder: Path, memory: Path) -> None:
        self.world = World()
        self.sanitiser = Sanitiser()
        self.stored = FilesystemMediaStore(folder)
        self.media = SealedMediaStore(self.stored, self.world.vault)
        self.sanitise = SanitiseEvidence(
            evidence=self.world.executors.evidence,
            sanitiser=self.sanitiser,
            media=self.media,
            room=Workrooms(memory).room,
            destroy=DestroyMedia(self.world.vault, self.media, MemoryUploads()),
            is_erased=self.world.is_erased,
            clock=self.world.clock,
        )
        self.item = self.world.evidence(self.world.member())
        self.media.write(original_key(self.item), iter([ORIGINAL]))

    @property
    def is_destroyed(self) -> bool:
        is_stored = original_key(self.item) in self.stored.keys("")
        return not is_stored and self.world.vault.key(evidence_subject(self.item)) is None

    def read(self, key: str) -> bytes:
        return b"".join(self.media.open(key).read())

    def run(self, within: float | None = None) -> list[EvidenceEvent]:
        """Sanitise, and tell what happened to the evidence so far."""
        received = self.world.executors.evidence.events(self.item)[0]
        assert isinstance(received, EvidenceReceived)
        context: Callable[[str], CommandContext] = lambda what: CommandContext(command_id=what)  # noqa: E731 - a word of the test
        self.sanitise(received, context, within)
        return self.world.executors.evidence.events(self.item)


@pytest.fixture
def stage(tmp_path: Path, memory: Path) -> Stage:
    return Stage(tmp_path, memory)


def test_evidence_that_can_be_made_safe_becomes_available(stage: Stage) -> None:
    *_, available = stage.run()
    assert isinstance(available, EvidenceMadeAvailable)
    assert (available.size, available.has_poster) == (4, True)
    assert available.sha256 == sha256(b"safe").hexdigest()
    assert not stage.is_destroyed
    assert stage.read(rendition_key(stage.item)) == b"safe"
    assert stage.read(poster_key(stage.item)) == b"poster"


def test_each_rendition_has_its_own_trailer_at_every_attempt(stage: Stage) -> None:
    stage.sanitiser.error = SanitiserUnavailable()
    for _ in range(2):
        with pytest.raises(SanitiserUnavailable):
            stage.run()
    first, again = stage.sanitiser.trailers
    assert first == again == sha256(b"trailer " + b"01" * 32).hexdigest()[:32]


def test_the_owner_in_a_message_does_not_override_the_log(stage: Stage) -> None:
    stage.run()
    (received,) = [
        event
        for event in stage.world.executors.evidence.events(stage.item)
        if isinstance(event, EvidenceReceived)
    ]
    stage.sanitise(
        replace(received, owner=MemberId("")), lambda what: CommandContext(command_id=what)
    )
    assert not stage.is_destroyed
    assert stage.read(rendition_key(stage.item)) == b"safe"


def test_evidence_that_is_not_in_the_log_is_ignored(stage: Stage) -> None:
    (received,) = stage.world.executors.evidence.events(stage.item)
    assert isinstance(received, EvidenceReceived)
    forged = replace(received, evidence_id=EvidenceId("another"))
    stage.sanitise(forged, lambda what: CommandContext(command_id=what))
    assert stage.sanitiser.calls == 0
    assert not stage.is_destroyed


def test_sound_has_no_poster(stage: Stage) -> None:
    stage.sanitiser.with_poster = False
    *_, available = stage.run()
    assert isinstance(available, EvidenceMadeAvailable)
    assert not available.has_poster


def test_the_event_names_the_parts_that_were_left_out(stage: Stage) -> None:
    stage.sanitiser.left_out = "The sound."
    *_, available = stage.run()
    assert getattr(available, "left_out", None) == "The sound."


def test_unsafe_evidence_is_rejected_with_the_reason(stage: Stage) -> None:
    stage.sanitiser.error = Unsafe("It is broken.")
    *_, rejected = stage.run()
    assert getattr(rejected, "reason", None) == "It is broken."


def test_the_original_of_rejected_evidence_is_destroyed_even_by_a_later_process(
    stage: Stage,
) -> None:
    stage.sanitiser.error = Unsafe("It is broken.")
    stage.run()
    assert stage.is_destroyed
    stage.stored.write(original_key(stage.item), iter([b"left behind"]))
    stage.run()
    assert stage.is_destroyed


def test_a_command_refused_for_another_reason_than_erasure_is_a_failure(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = stage.world.executors.evidence.execute

    def refuse(item: str, command: EvidenceCommand, context: CommandContext) -> object:
        if isinstance(command, MakeAvailable):
            raise DomainError("forbidden", "refused")
        return execute(item, command, context)

    monkeypatch.setattr(stage.world.executors.evidence, "execute", refuse)
    with refused("forbidden"):
        stage.run()


def test_no_event_follows_when_the_owner_is_erased_while_sanitising(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = stage.world.executors.evidence.load(stage.item).state.owner
    sanitise = stage.sanitiser.sanitise

    def erased_meanwhile(*given: Any, **more: Any) -> Rendition:
        stage.world.vault.destroy(owner)
        return sanitise(*given, **more)

    monkeypatch.setattr(stage.sanitiser, "sanitise", erased_meanwhile)
    assert not any(isinstance(event, EvidenceMadeAvailable) for event in stage.run())


def test_evidence_with_an_unreadable_original_is_rejected(stage: Stage) -> None:
    stage.media.delete(original_key(stage.item))
    *_, rejected = stage.run()
    assert "no longer" in getattr(rejected, "reason", "")


def test_decided_evidence_is_not_sanitised_again(stage: Stage) -> None:
    before = stage.run()
    assert stage.run() == before
    assert stage.sanitiser.calls == 1


def test_a_full_disk_makes_the_sanitiser_unavailable(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "mkdir", full)
        with pytest.raises(SanitiserUnavailable):
            stage.run()
    assert isinstance(stage.run()[-1], EvidenceMadeAvailable)


def test_a_missing_tool_makes_the_sanitiser_unavailable(stage: Stage) -> None:
    stage.sanitiser.error = SanitiserUnavailable("no ffmpeg")
    with pytest.raises(SanitiserUnavailable):
        stage.run()
    stage.sanitiser.error = None
    assert len(stage.run()) == 3


def test_evidence_that_needs_longer_is_not_decided_yet(stage: Stage) -> None:
    stage.sanitiser.error = NeedsLonger()
    with pytest.raises(NeedsLonger):
        stage.run(within=10.0)
    stage.sanitiser.error = None
    *_, available = stage.run()
    assert isinstance(available, EvidenceMadeAvailable)
    assert stage.sanitiser.within == [10.0, None]
