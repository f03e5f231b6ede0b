"""Receiving uploads: each becomes evidence once, even when a process is killed meanwhile."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

import pytest

from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.sealed import SealedMediaStore
from adapters.uploads.memory import MemoryUploads
from application.engine.executor import CommandContext, CommandMismatch
from application.policies.when_evidence_is_received_then_sanitise_it import (
    WhenEvidenceIsReceivedThenSanitiseIt,
)
from application.ports.media_store import MediaErased, NoSuchMedia
from application.ports.uploads import Quota
from application.use_cases.evidence import uploads as module
from application.use_cases.evidence.media import DestroyMedia, original_key
from application.use_cases.evidence.uploads import LIFETIME, Progress, QuotaReached, ReceiveUploads
from domain.actors import Actor
from domain.evidence.evidence import EvidenceReceived
from domain.ids import MediaKind
from tests.application.mortal import STEPS, Death, Died, Mortal
from tests.world import World, refused

CONTENT = b"good" + bytes(range(256)) * 40  # 10,244 bytes
LENGTH = len(CONTENT)
CHUNK = 1000
QUOTA = Quota(pieces=1_000, size=10_000_000)
REQUEST = CommandContext(correlation_id="c-1")
STEPS_OF_AN_UPLOAD = 22


class Recogniser:
    """Takes what begins with "good"."""

    media_types: ClassVar = {MediaKind.VIDEO: ("video/mp4",)}

    def recognise(self, head: bytes) -> tuple[MediaKind, str] | None:
        return (MediaKind.VIDEO, "video/mp4") if head.startswith(b"good") else None


class Phones:
    """What outlives processes, and the process of the hour."""

    def __init__(self, folder: Path) -> None:
        self.world = World()
        self.anna = self.world.member("Anna")
        self.ben = self.world.member("Ben")
        self.states = MemoryUploads()
        self.stored = FilesystemMediaStore(folder)
        self.media = SealedMediaStore(self.stored, self.world.vault)
        self.uploads = self.process(Death())

    def process(self, death: Death) -> ReceiveUploads:
        """A new process, which may die."""
        parts = {
            "uploads": self.states,
            "media": self.stored,
            "evidence": self.world.executors.evidence,
            "vault": self.world.vault,
        }
        mortal: Any = {name: Mortal(part, STEPS[name], death) for name, part in parts.items()}
        vault = mortal.pop("vault")
        media = mortal["media"] = SealedMediaStore(mortal["media"], vault)
        recogniser: Any = Recogniser()
        return ReceiveUploads(
            **mortal,
            sanitiser=recogniser,
            destroy=DestroyMedia(vault, media, mortal["uploads"]),
            aliases=self.world.container.aliases(),
            is_erased=self.world.is_erased,
            clock=self.world.clock,
            largest=1_000_000,
            quota=QUOTA,
        )

    def send(self, content: bytes, upload_id: str = "e1", offset: int = 0) -> Progress:
        return self.uploads.append(self.anna, upload_id, offset, chunks(content), REQUEST)

    def received(self, upload_id: str = "e1") -> list[EvidenceReceived]:
        events = self.world.executors.evidence.events(upload_id)
        return [event for event in events if isinstance(event, EvidenceReceived)]

    def original(self, upload_id: str = "e1") -> bytes:
        return b"".join(self.media.open(original_key(upload_id)).read())

    def parts(self) -> list[str]:
        return list(self.media.keys("uploads/"))

    def assert_received_once(self) -> None:
        (event,) = self.received()
        assert (event.evidence_id, len(event.salt)) == ("e1", 64)
        assert event.original_sha256 == sha256(CONTENT).hexdigest()
        assert event.owner != self.anna.member_id
        assert self.world.container.aliases().is_own(self.anna.member_id, event.owner)
        assert self.original() == CONTENT


def chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


@pytest.fixture
def phones(tmp_path: Path) -> Phones:
    return Phones(tmp_path)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 3 * CHUNK)
    monkeypatch.setattr(module, "HEAD", 3 * CHUNK)


class TestQuota:
    def fill(self, phones: Phones, pieces: int, length: int) -> None:
        for number in range(pieces):
            phones.uploads.begin(phones.anna, f"full-{number}", length)

    @pytest.mark.parametrize(
        ("pieces", "length"), [(QUOTA.pieces, 1), (QUOTA.size // 1_000_000, 1_000_000)]
    )
    def test_the_uploads_of_a_member_in_a_day_are_limited(
        self, phones: Phones, pieces: int, length: int
    ) -> None:
        self.fill(phones, pieces, length)
        phones.world.clock.wind(hours=11, minutes=59, seconds=58.5)
        with pytest.raises(QuotaReached) as reached:
            phones.uploads.begin(phones.anna, "e1", length)
        assert reached.value.seconds == 2
        assert phones.states.get("e1") is None
        phones.uploads.begin(phones.ben, "e2", length)
        phones.world.clock.wind(seconds=2)
        assert phones.uploads.begin(phones.anna, "e1", length).offset == 0
        assert phones.uploads.refused_by_quota == 1

    def test_beginning_the_same_upload_again_is_not_counted(self, phones: Phones) -> None:
        self.fill(phones, QUOTA.pieces - 1, 1)
        for _ in range(3):
            phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT)
        phones.assert_received_once()

    def test_a_new_process_continues_the_count(self, phones: Phones) -> None:
        self.fill(phones, QUOTA.pieces, 1)
        phones.uploads = phones.process(Death())
        with pytest.raises(QuotaReached):
            phones.uploads.begin(phones.anna, "e1", LENGTH)

    def test_a_terminated_upload_stays_counted(self, phones: Phones) -> None:
        self.fill(phones, QUOTA.pieces, 1)
        phones.uploads.terminate(phones.anna, "full-0")
        with pytest.raises(QuotaReached):
            phones.uploads.begin(phones.anna, "e1", LENGTH)

    def test_the_sweep_removes_counts_of_former_days(self, phones: Phones) -> None:
        self.fill(phones, 1, 1)
        phones.uploads.sweep()
        assert phones.states._counts
        phones.world.clock.wind(days=1)
        phones.uploads.sweep()
        assert not phones.states._counts


class TestReceiving:
    def test_the_last_byte_turns_an_upload_into_evidence(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        assert phones.send(CONTENT[:5000]).receipt is None
        progress = phones.send(CONTENT[5000:], offset=5000)
        assert progress.receipt
        assert progress.receipt.version == 1
        phones.assert_received_once()
        assert phones.parts() == []

    def test_the_uploads_of_a_member_have_aliases_of_their_own_and_one_turn_a_day(
        self, phones: Phones
    ) -> None:
        owners = {"e1": phones.anna, "e2": phones.anna, "e3": phones.ben, "e4": phones.anna}
        for upload_id, owner in owners.items():
            if upload_id == "e4":
                phones.world.clock.wind(days=1)
            phones.uploads.begin(owner, upload_id, LENGTH)
            phones.uploads.append(owner, upload_id, 0, chunks(CONTENT), REQUEST)
        events = [phones.received(upload_id)[0] for upload_id in owners]
        policy = WhenEvidenceIsReceivedThenSanitiseIt(phones.world.use_cases.policy_dependencies)
        first, second, of_ben, of_the_next_day = (policy.turn(event).member for event in events)
        assert first == second
        assert len({first, of_ben, of_the_next_day}) == 3
        assert len({event.owner for event in events}) == 4

    def test_a_long_request_is_stored_part_by_part(self, phones: Phones) -> None:
        def breaks_off() -> Iterator[bytes]:
            yield from chunks(CONTENT[:7000])
            raise Died

        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with pytest.raises(Died):
            phones.uploads.append(phones.anna, "e1", 0, breaks_off(), REQUEST)
        assert phones.uploads.look(phones.anna, "e1", REQUEST).upload.offset == 6000

    def test_a_request_marked_as_whole_is_stored_completely_or_not_at_all(
        self, phones: Phones
    ) -> None:
        def wrong() -> Iterator[bytes]:
            yield from chunks(CONTENT[:7000])
            raise ValueError

        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with pytest.raises(ValueError):  # noqa: PT011 - it is the one above
            phones.uploads.append(phones.anna, "e1", 0, wrong(), REQUEST, whole=True)
        assert phones.uploads.look(phones.anna, "e1", REQUEST).upload.offset == 0
        assert phones.parts() == []

    def test_repeating_the_last_request_returns_the_same_receipt(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        first = phones.send(CONTENT)
        assert phones.send(b"", offset=LENGTH).receipt == first.receipt
        assert phones.uploads.look(phones.anna, "e1", REQUEST).receipt == first.receipt
        phones.assert_received_once()

    def test_of_two_requests_at_one_offset_one_is_refused_and_no_bytes_mix(
        self, phones: Phones
    ) -> None:
        def overtaken() -> Iterator[bytes]:
            phones.send(CONTENT[:4000])
            yield b"late"

        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with refused("wrong-offset"):
            phones.uploads.append(phones.anna, "e1", 0, overtaken(), REQUEST)
        phones.send(CONTENT[4000:], offset=4000)
        phones.assert_received_once()

    def test_two_concurrent_requests_may_complete_an_upload(
        self, phones: Phones, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = phones.uploads._media.write

        def complete_meanwhile(key: str, content: Iterator[bytes]) -> int:
            if key == original_key("e1"):
                monkeypatch.undo()
                assert phones.uploads.look(phones.anna, "e1", REQUEST).receipt
            return write(key, content)

        phones.uploads.begin(phones.anna, "e1", LENGTH)
        monkeypatch.setattr(phones.uploads._media, "write", complete_meanwhile)
        assert phones.send(CONTENT).receipt
        phones.assert_received_once()

    def test_the_log_holds_the_request_id_but_not_the_member(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT)
        (commit,) = phones.world.stores["evidence"].load("evidence-e1")
        assert phones.world.codec.meta(commit).correlation_id == "c-1"
        assert phones.anna.member_id.encode() not in commit.body


class TestRefusing:
    def test_an_upload_that_is_too_large_is_refused(self, phones: Phones) -> None:
        with refused("too-large"):
            phones.uploads.begin(phones.anna, "e1", 1_000_001)
        phones.uploads.begin(phones.anna, "e1", 5)
        with refused("too-large"):
            phones.send(CONTENT)
        assert phones.received() == []

    def test_a_wrong_offset_is_refused(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT[:10])
        for offset in (0, 9, 11, LENGTH):
            with refused("wrong-offset"):
                phones.send(b"x", offset=offset)

    def test_the_upload_of_another_member_is_not_found(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        for use in uses(phones.uploads, phones.ben):
            with refused("not-found"):
                use()
        with refused("not-found"):
            phones.uploads.begin(phones.ben, "e1", LENGTH)

    def test_an_expired_upload_is_refused(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.world.clock.wind(seconds=LIFETIME.total_seconds())
        for use in uses(phones.uploads, phones.anna):
            with refused("erased"):
                use()

    def test_another_length_with_the_same_id_is_refused(self, phones: Phones) -> None:
        first = phones.uploads.begin(phones.anna, "e1", LENGTH)
        assert phones.uploads.begin(phones.anna, "e1", LENGTH) == first
        with pytest.raises(CommandMismatch):
            phones.uploads.begin(phones.anna, "e1", LENGTH + 1)

    def test_an_unknown_file_type_is_refused_and_leaves_nothing(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", 3)
        phones.send(b"b")
        with refused("unsupported-media-type"):
            phones.send(b"ad", offset=1)
        with refused("not-found"):
            phones.uploads.look(phones.anna, "e1", REQUEST)
        assert_nothing_stays(phones)

    def test_an_id_can_be_used_again_after_an_unknown_file_type(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with refused("unsupported-media-type"):
            phones.send(b"bad!" * CHUNK)
        assert_nothing_stays(phones)
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT)
        phones.assert_received_once()

    def test_an_unknown_file_type_does_not_harm_a_quicker_request(self, phones: Phones) -> None:
        def overtaken() -> Iterator[bytes]:
            phones.send(CONTENT[:5000])
            yield from chunks(b"bad!" * CHUNK)

        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with refused("unsupported-media-type"):
            phones.uploads.append(phones.anna, "e1", 0, overtaken(), REQUEST)
        phones.send(CONTENT[5000:], offset=5000)
        phones.assert_received_once()

    @pytest.mark.parametrize("first", [0, 1, CHUNK])
    def test_an_unknown_file_type_is_refused_as_soon_as_its_head_has_arrived(
        self, phones: Phones, first: int
    ) -> None:
        content = (b"bad!" * LENGTH)[:LENGTH]
        arriving = chunks(content[first:])
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(content[:first])
        with refused("unsupported-media-type") as refusal:
            phones.uploads.append(phones.anna, "e1", first, arriving, REQUEST)
        assert "video/mp4" in refusal.value.message
        assert len(b"".join(arriving)) >= LENGTH - first - 4 * CHUNK
        assert phones.parts() == []

    def test_an_upload_that_lost_its_head_is_refused(
        self, phones: Phones, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def lost(*_: object) -> Iterator[bytes]:
            raise NoSuchMedia("a part is missing")

        monkeypatch.setattr(phones.uploads, "_bytes", lost)
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with refused("erased"):
            phones.send(CONTENT)

    def test_an_upload_of_an_erased_member_is_refused_and_removed_by_the_sweep(
        self, phones: Phones
    ) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.world.vault.destroy(phones.anna.member_id)
        with refused("erased"):
            phones.send(CONTENT)
        assert list(phones.media.keys("")) == []
        phones.world.clock.wind(days=8)
        phones.uploads.sweep()
        assert_nothing_stays(phones)

    def test_an_upload_with_the_id_of_existing_evidence_is_refused_and_keeps_its_key(
        self, phones: Phones
    ) -> None:
        phones.world.evidence(phones.ben, "e1")
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with refused("already-received"):
            phones.send(CONTENT)
        assert phones.world.vault.key("evidence/e1")

    def test_an_upload_that_lost_its_key_is_refused(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT[:5000])
        phones.world.vault.destroy("evidence/e1")
        with refused("erased"):
            phones.send(CONTENT[5000:], offset=5000)

    def test_an_upload_that_lost_a_part_is_refused(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT[:5000])
        for part in phones.parts():
            phones.media.delete(part)
        with refused("erased"):
            phones.send(CONTENT[5000:], offset=5000)

    def test_a_key_outside_of_the_store_is_refused(self, phones: Phones) -> None:
        with pytest.raises(ValueError, match="not a valid key"):
            phones.media.open("../secret")


class TestEnding:
    def test_a_terminated_upload_leaves_nothing(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT[:5000])
        phones.uploads.terminate(phones.anna, "e1")
        with refused("not-found"):
            phones.uploads.look(phones.anna, "e1", REQUEST)
        assert_nothing_stays(phones)

    def test_terminating_a_finished_upload_is_refused(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT)
        with refused("already-received"):
            phones.uploads.terminate(phones.anna, "e1")
        phones.assert_received_once()

    def test_a_request_during_termination_is_refused_and_leaves_nothing(
        self, phones: Phones
    ) -> None:
        def overtaken() -> Iterator[bytes]:
            yield CONTENT[:3000]
            yield CONTENT[3000:4000]
            phones.uploads.terminate(phones.anna, "e1")
            yield CONTENT[4000:]

        phones.uploads.begin(phones.anna, "e1", LENGTH)
        with refused("wrong-offset"):
            phones.uploads.append(phones.anna, "e1", 0, overtaken(), REQUEST)
        assert_nothing_stays(phones)

    def test_terminating_while_the_last_byte_arrives_is_refused_and_keeps_the_evidence(
        self, phones: Phones, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def overtaken(upload_id: str, offset: int) -> None:
            monkeypatch.undo()
            phones.send(CONTENT)
            phones.states.delete(upload_id, offset)

        phones.uploads.begin(phones.anna, "e1", LENGTH)
        monkeypatch.setattr(phones.states, "delete", overtaken)
        with refused("conflict"):
            phones.uploads.terminate(phones.anna, "e1")
        phones.assert_received_once()

    def test_the_sweep_removes_a_finished_upload_and_keeps_its_evidence(
        self, phones: Phones
    ) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT)
        phones.world.clock.wind(days=6)
        phones.uploads.sweep()
        assert phones.states.get("e1")
        phones.world.clock.wind(days=1)
        phones.uploads.sweep()
        assert phones.states.get("e1") is None
        phones.assert_received_once()

    def test_the_sweep_destroys_unfinished_uploads(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT[:5000])
        phones.uploads.begin(phones.anna, "e2", LENGTH)
        phones.world.clock.wind(days=7)
        phones.uploads.sweep()
        assert_nothing_stays(phones)
        with pytest.raises(MediaErased):
            phones.media.write("uploads/e1/p", chunks(b"x"))

    def test_beginning_the_same_upload_after_the_sweep_does_not_harm_its_evidence(
        self, phones: Phones
    ) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT)
        for _ in range(2):
            phones.world.clock.wind(days=7)
            phones.uploads.sweep()
            phones.uploads.begin(phones.anna, "e1", LENGTH)
            phones.send(b"good!", offset=0)
        phones.send(bytes(LENGTH - 5), offset=5)
        phones.assert_received_once()

    def test_the_sweep_keeps_uploads_in_progress(self, phones: Phones) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT[:5000])
        phones.uploads.sweep()
        phones.send(CONTENT[5000:], offset=5000)
        phones.assert_received_once()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(STEPS_OF_AN_UPLOAD + 1))
class TestKilledProcesses:
    def test_a_phone_that_continues_has_its_evidence_received_once(
        self, phones: Phones, step: int, after: bool
    ) -> None:
        death = Death(step, after)
        try:
            upload_all(phones, phones.process(death))
        except Died:
            upload_all(phones, phones.process(Death()))
        assert death.happened == (step < STEPS_OF_AN_UPLOAD)
        phones.assert_received_once()
        phones.uploads.sweep()
        assert phones.parts() == []

    def test_a_phone_that_never_continues_loses_only_unfinished_uploads(
        self, phones: Phones, step: int, after: bool
    ) -> None:
        try:
            upload_all(phones, phones.process(Death(step, after)))
        except Died:
            phones.world.clock.wind(days=7)
            phones.uploads.sweep()
            phones.uploads.sweep()
        if phones.received():
            phones.assert_received_once()
            assert phones.parts() == []
        else:
            assert_nothing_stays(phones)

    def test_a_killed_sweep_is_finished_by_the_next(
        self, phones: Phones, step: int, after: bool
    ) -> None:
        phones.uploads.begin(phones.anna, "e1", LENGTH)
        phones.send(CONTENT)
        phones.uploads.begin(phones.anna, "e2", LENGTH)
        phones.send(CONTENT[:5000], "e2")
        phones.world.clock.wind(days=7)
        try:
            phones.process(Death(step, after)).sweep()
        except Died:
            phones.uploads.sweep()
        phones.assert_received_once()
        assert phones.parts() == []
        assert phones.states.expired(phones.world.clock()) == []


def upload_all(phones: Phones, uploads: ReceiveUploads) -> None:
    """What a phone does that was cut off, or was not: announce, ask, send the rest."""
    uploads.begin(phones.anna, "e1", LENGTH)
    offset = uploads.look(phones.anna, "e1", REQUEST).upload.offset
    if offset < 5000:
        uploads.append(phones.anna, "e1", offset, chunks(CONTENT[offset:5000]), REQUEST)
        offset = 5000
    uploads.append(phones.anna, "e1", offset, chunks(CONTENT[offset:]), REQUEST)


def uses(uploads: ReceiveUploads, who: Actor) -> list[Callable[[], object]]:
    return [
        lambda: uploads.look(who, "e1", REQUEST),
        lambda: uploads.append(who, "e1", 0, chunks(b"x"), REQUEST),
        lambda: uploads.terminate(who, "e1"),
    ]


def assert_nothing_stays(phones: Phones) -> None:
    assert phones.received() == []
    assert list(phones.media.keys("")) == []
    assert phones.states.get("e1") is None
    assert not phones.world.vault.key("evidence/e1")
