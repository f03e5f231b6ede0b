"""Make a safe rendition of received evidence, or reject it with a reason."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

from application.engine.executor import CommandContext
from application.executors import EvidenceExecutor
from application.ports.clock import Clock
from application.ports.media_store import Blob, MediaLost, MediaStore
from application.ports.sanitiser import Rendition, Sanitiser, SanitiserUnavailable, Unsafe
from application.use_cases.evidence.media import (
    DestroyMedia,
    Measured,
    original_key,
    poster_key,
    rendition_key,
)
from domain.actors import SYSTEM
from domain.decider import DomainError
from domain.evidence.evidence import (
    BeginSanitising,
    EraseEvidence,
    EvidenceReceived,
    EvidenceStatus,
    MakeAvailable,
    RejectEvidence,
)
from domain.ids import EvidenceId, MemberId

log = logging.getLogger(__name__)

CHUNK = 1 << 16
TRAILER = 32
"""Hex digits: 128 bits."""

UNREADABLE = "The original can no longer be read."


class SanitiseEvidence:
    """Sanitises one piece of evidence. It may be called again after a crash at any point.

    The original of rejected evidence is destroyed, and all media of an erased member's evidence.
    ``room`` opens an empty folder in memory for a decrypted original of a size and its rendition.
    """

    def __init__(
        self,
        *,
        evidence: EvidenceExecutor,
        sanitiser: Sanitiser,
        media: MediaStore,
        room: Callable[[int], AbstractContextManager[Path]],
        destroy: DestroyMedia,
        is_erased: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._evidence = evidence
        self._sanitiser = sanitiser
        self._media = media
        self._room = room
        self._destroy = destroy
        self._is_erased = is_erased
        self._clock = clock

    def __call__(
        self,
        received: EvidenceReceived,
        context: Callable[[str], CommandContext],
        within: float | None = None,
    ) -> None:
        """Sanitise the evidence ``within`` so many seconds.

        Raises NeedsLonger after this time, and Unavailable if a tool or store is unavailable.
        """
        item = received.evidence_id
        if not self._status(item):
            log.error("did not sanitise evidence that is not in the log")
            return
        if not self._is_erased(self._owner(item)) and not self._is_decided(item):
            self._sanitise(received, context, within)
        # The owner may have been erased meanwhile. Nothing else would destroy the new media.
        if self._is_erased(self._owner(item)):
            self._destroy(item)
            erase = EraseEvidence(by=SYSTEM, at=self._clock())
            self._evidence.execute(item, erase, CommandContext())
        elif self._status(item) is EvidenceStatus.REJECTED:
            self._destroy.content(item)

    def _sanitise(
        self,
        received: EvidenceReceived,
        context: Callable[[str], CommandContext],
        within: float | None,
    ) -> None:
        """Make a rendition, and record that the evidence is available or rejected."""
        item = received.evidence_id
        begin = BeginSanitising(by=SYSTEM, at=self._clock())
        self._evidence.execute(item, begin, context("begin"))
        result = self._result(received, within)
        try:
            self._evidence.execute(item, result, context("result"))
        except DomainError as refused:
            if refused.code != "erased":
                raise

    def _result(
        self, received: EvidenceReceived, within: float | None
    ) -> MakeAvailable | RejectEvidence:
        """Return the command that records the result: a rendition, or why there is none."""
        try:
            original = self._media.open(original_key(received.evidence_id))
            with self._room(original.size) as folder:
                rendition = self._render(received, original, folder, within)
                return self._make_available(received.evidence_id, rendition)
        except Unsafe as unsafe:
            return RejectEvidence(reason=str(unsafe), by=SYSTEM, at=self._clock())
        except MediaLost:
            return RejectEvidence(reason=UNREADABLE, by=SYSTEM, at=self._clock())

    def _owner(self, item: EvidenceId) -> MemberId:
        """Return the owner from the log: a message on the bus may be forged."""
        return self._evidence.load(item).state.owner

    def _is_decided(self, item: EvidenceId) -> bool:
        return self._status(item) in (EvidenceStatus.AVAILABLE, EvidenceStatus.REJECTED)

    def _status(self, item: EvidenceId) -> EvidenceStatus | None:
        return self._evidence.load(item).state.status

    def _render(
        self, received: EvidenceReceived, sealed: Blob, folder: Path, within: float | None
    ) -> Rendition:
        original, output = folder / "original", folder / "output"
        try:
            with original.open("wb") as file:
                file.writelines(sealed.read())
            output.mkdir()
        except OSError as error:
            raise SanitiserUnavailable("there is no space left to work in") from error
        trailer = _trailer(self._evidence.load(received.evidence_id).state.salt)
        return self._sanitiser.sanitise(
            received.kind, original, output, trailer=trailer, within=within
        )

    def _make_available(self, item: EvidenceId, rendition: Rendition) -> MakeAvailable:
        shown = Measured(_chunks(rendition.path))
        self._media.write(rendition_key(item), shown.read())
        if rendition.poster:
            self._media.write(poster_key(item), _chunks(rendition.poster))
        return MakeAvailable(
            media_type=rendition.media_type,
            sha256=shown.sha256,
            size=shown.size,
            duration=rendition.duration,
            has_poster=rendition.poster is not None,
            left_out=rendition.left_out,
            by=SYSTEM,
            at=self._clock(),
        )


def _trailer(salt: str) -> str:
    """Return the trailer of a rendition, which is the same at each attempt.

    Two processes that sanitise the evidence at once therefore make the same rendition.
    """
    return sha256(f"trailer {salt}".encode()).hexdigest()[:TRAILER]


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
