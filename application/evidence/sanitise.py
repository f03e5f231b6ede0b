"""Making a received piece of evidence safe to show, or rejecting it with a reason."""

from collections.abc import Callable, Iterator
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from application.commands.executor import Context
from application.commands.use_cases import EvidenceItems
from application.ports.clock import Clock
from application.ports.media_store import MediaStore
from application.ports.sanitiser import Rendition, Sanitiser, Unsafe
from application.ports.sealer import NotSealed, Sealer
from domain.evidence.evidence import (
    BeginSanitising,
    EvidenceReceived,
    EvidenceStatus,
    MakeAvailable,
    RejectEvidence,
)
from domain.ids import SYSTEM, EvidenceId

CHUNK = 1 << 16
UNREADABLE = "The original can no longer be read."


def rendition_key(evidence_id: str) -> str:
    """Where the media store keeps what is served of a piece of evidence."""
    return f"renditions/{evidence_id}"


def poster_key(evidence_id: str) -> str:
    """Where the media store keeps a still picture of a piece of evidence."""
    return f"posters/{evidence_id}"


class SanitiseEvidence:
    """May be called again after a crash at any point: what was decided stays decided."""

    def __init__(
        self,
        evidence: EvidenceItems,
        sealer: Sealer,
        sanitiser: Sanitiser,
        media: MediaStore,
        clock: Clock,
    ) -> None:
        self._evidence = evidence
        self._sealer = sealer
        self._sanitiser = sanitiser
        self._media = media
        self._clock = clock

    def __call__(self, received: EvidenceReceived, context: Callable[[str], Context]) -> None:
        """Sanitise the evidence. Raises Unavailable where the means to do so are away."""
        item = received.evidence_id
        if self._is_decided(item):
            return
        begin = BeginSanitising(by=SYSTEM, at=self._clock())
        self._evidence.execute(item, begin, context("begin"))
        with TemporaryDirectory(prefix="klarity-") as folder:
            verdict = self._verdict(received, Path(folder))
        self._evidence.execute(item, verdict, context("verdict"))

    def _verdict(self, received: EvidenceReceived, folder: Path) -> MakeAvailable | RejectEvidence:
        try:
            rendition = self._render(received, folder)
        except Unsafe as unsafe:
            return RejectEvidence(reason=str(unsafe), by=SYSTEM, at=self._clock())
        except NotSealed:
            return RejectEvidence(reason=UNREADABLE, by=SYSTEM, at=self._clock())
        return self._make_available(received.evidence_id, rendition)

    def _is_decided(self, item: EvidenceId) -> bool:
        status = self._evidence.load(item).state.status
        return status in (EvidenceStatus.AVAILABLE, EvidenceStatus.REJECTED)

    def _render(self, received: EvidenceReceived, folder: Path) -> Rendition:
        original = folder / "original"
        with original.open("wb") as file:
            file.writelines(self._sealer.open(received.evidence_id))
        output = folder / "output"
        output.mkdir()
        return self._sanitiser.sanitise(received.kind, original, output)

    def _make_available(self, item: EvidenceId, rendition: Rendition) -> MakeAvailable:
        size = self._media.write(rendition_key(item), _chunks(rendition.path))
        if rendition.poster:
            self._media.write(poster_key(item), _chunks(rendition.poster))
        with rendition.path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
        return MakeAvailable(
            media_type=rendition.media_type,
            sha256=sha256,
            size=size,
            duration=rendition.duration,
            has_poster=rendition.poster is not None,
            by=SYSTEM,
            at=self._clock(),
        )


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
