"""From the first byte of an upload to evidence received.

What arrives is sealed part by part before the offset moves, so that a phone may be cut off, and
this process die, at any byte: the upload goes on from the last offset that was told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import md5, sha1, sha256
from hmac import compare_digest
from itertools import chain
from typing import Any
from uuid import uuid4

from application.commands.executor import Context, Receipt
from application.commands.ids import derived_id
from application.commands.use_cases import EvidenceItems
from application.ports.clock import Clock
from application.ports.sanitiser import Sanitiser
from application.ports.sealer import Sealer
from application.ports.uploads import Upload, UploadConflict, Uploads
from domain.evidence.evidence import Evidence, ReceiveEvidence
from domain.ids import Actor, EvidenceId, MemberId

LIFE = timedelta(days=7)
HEAD_BYTES = 4096


class NoSuchUpload(Exception):
    """There is no such upload, or it is somebody else's."""


class TooLarge(Exception):
    """More bytes than this instance takes, or than were announced."""


class NotTaken(Exception):
    """The first bytes are of no kind of media that is taken."""


class ChecksumMismatch(Exception):
    """The bytes that arrived are not those that were sent."""


class CutOff(Exception):
    """The connection broke; what had arrived by then may be kept."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one part must hash to."""

    algorithm: str
    digest: bytes


# Checksums guard against accidents on the way, so weak algorithms will do, and phones use them.
_HASHES: dict[str, Any] = {"sha256": sha256, "sha1": sha1, "md5": md5}
ALGORITHMS = tuple(_HASHES)


class ReceiveUploads:
    """The use case behind the tus resource. The upload's id becomes the evidence's."""

    def __init__(
        self,
        uploads: Uploads,
        sealer: Sealer,
        sanitiser: Sanitiser,
        evidence: EvidenceItems,
        clock: Clock,
        largest: int,
    ) -> None:
        self._uploads = uploads
        self._sealer = sealer
        self._sanitiser = sanitiser
        self._evidence = evidence
        self._clock = clock
        self.largest = largest

    def begin(self, owner: Actor, length: int, upload_id: str) -> Upload:
        """Announce an upload of so many bytes. Raises TooLarge."""
        if length > self.largest:
            raise TooLarge
        upload = Upload(
            upload_id=upload_id,
            owner=owner.member_id,
            length=length,
            expires_at=self._clock() + LIFE,
        )
        self._uploads.create(upload)
        return self.find(owner, upload_id)

    def find(self, owner: Actor, upload_id: str) -> Upload:
        """The member's own upload. Raises NoSuchUpload."""
        upload = self._uploads.get(upload_id)
        if upload is None or upload.owner != owner.member_id or self._is_over(upload):
            raise NoSuchUpload
        return upload

    def append(
        self,
        owner: Actor,
        upload_id: str,
        offset: int,
        chunks: Iterator[bytes],
        *,
        checksum: Checksum | None = None,
    ) -> Upload:
        """Add what arrives at the offset, durably. ``chunks`` may raise CutOff.

        Raises NoSuchUpload, UploadConflict, TooLarge or ChecksumMismatch, having added nothing.
        """
        upload = self.find(owner, upload_id)
        if upload.offset != offset:
            raise UploadConflict(upload_id)
        arriving = _Arriving(chunks, upload.length - offset, checksum)
        part = f"{offset:016}-{uuid4().hex}"
        self._sealer.seal_part(upload_id, part, iter(arriving))
        if arriving.size == 0:
            return upload
        return self._uploads.advance(upload_id, offset, offset + arriving.size, part)

    def finish(self, owner: Actor, upload_id: str) -> Receipt[Evidence] | None:
        """Receive the evidence once all of it is here. May be called again, as after a crash.

        Raises NotTaken, and forgets the upload, where it is no media."""
        upload = self.find(owner, upload_id)
        if upload.finished or not upload.complete:
            return None
        return self._receive(upload)

    def terminate(self, owner: Actor, upload_id: str) -> None:
        """Forget an upload and its bytes; received evidence stays."""
        upload = self.find(owner, upload_id)
        self._forget(upload)

    def sweep(self) -> None:
        """Forget uploads past their time; receive those that only lacked the last step."""
        for upload in self._uploads.expired(self._clock()):
            if upload.complete and not upload.finished:
                self._receive_late(upload)
            self._forget(upload)

    def _receive_late(self, upload: Upload) -> None:
        try:
            self._receive(upload)
        except NotTaken:
            return

    def _receive(self, upload: Upload) -> Receipt[Evidence]:
        parts = (self._sealer.open_part(upload.upload_id, part) for part in upload.parts)
        head, content = _peek(chain.from_iterable(parts), HEAD_BYTES)
        recognised = self._sanitiser.recognise(head)
        if recognised is None:
            self._forget(upload)
            raise NotTaken
        digest, size = self._sealer.seal(upload.upload_id, content)
        kind, media_type = recognised
        command = ReceiveEvidence(
            evidence_id=EvidenceId(upload.upload_id),
            kind=kind,
            media_type=media_type,
            sha256=digest,
            size=size,
            by=Actor(member_id=MemberId(upload.owner)),
            at=self._clock(),
        )
        context = Context(command_id=derived_id("upload", upload.upload_id), new=True)
        receipt = self._evidence.execute(upload.upload_id, command, context)
        self._uploads.finish(upload.upload_id)
        self._sealer.drop_parts(upload.upload_id)
        return receipt

    def _forget(self, upload: Upload) -> None:
        received = upload.finished or self._evidence.load(upload.upload_id).state.status
        self._sealer.drop_parts(upload.upload_id)
        if not received:
            self._sealer.destroy(upload.upload_id)
        self._uploads.delete(upload.upload_id)

    def _is_over(self, upload: Upload) -> bool:
        return upload.expires_at <= self._clock()


class _Arriving:
    """Counts and checks the bytes of a part on their way."""

    def __init__(self, chunks: Iterator[bytes], room: int, checksum: Checksum | None) -> None:
        self._chunks = chunks
        self._room = room
        self._checksum = checksum
        algorithm = checksum.algorithm if checksum else ALGORITHMS[0]
        self._hash = _HASHES[algorithm](usedforsecurity=False)
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._counted()
        except CutOff:
            if self._checksum:
                raise ChecksumMismatch from None
            return
        if self._checksum and not compare_digest(self._hash.digest(), self._checksum.digest):
            raise ChecksumMismatch

    def _counted(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self.size + len(chunk) > self._room:
                raise TooLarge
            self.size += len(chunk)
            self._hash.update(chunk)
            yield chunk


def _peek(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them again."""
    taken: list[bytes] = []
    while sum(map(len, taken)) < size and (chunk := next(chunks, None)) is not None:
        taken.append(chunk)
    return b"".join(taken)[:size], chain(taken, chunks)
