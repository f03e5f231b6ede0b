"""A piece of evidence: it is received and sanitised, then available or rejected."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import assert_never

from domain.actors import Actor
from domain.decider import Decider, DomainError, must_be_system
from domain.ids import EvidenceId, MediaKind, MemberId
from domain.personal import HiddenText, SealedMember


class EvidenceStatus(StrEnum):
    RECEIVED = "received"
    SANITISING = "sanitising"
    AVAILABLE = "available"
    REJECTED = "rejected"


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveEvidence:
    """The upload is complete, and its original is encrypted.

    ``salt`` is 256 random bits, and ``original_sha256`` the hash of the original, both in hex.
    ``turn`` is the same for all that a member uploads on a day, so that members take turns."""

    evidence_id: EvidenceId
    kind: MediaKind
    turn: str = ""
    salt: str
    original_sha256: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginSanitising:
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeAvailable:
    """``sha256`` (hex), ``size`` (bytes) and ``duration`` (seconds) are those of the rendition.

    ``left_out`` says which part of the original is not shown and why; empty if all is shown."""

    media_type: str
    sha256: str
    size: int
    duration: float | None = None
    has_poster: bool = False
    left_out: str = ""
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectEvidence:
    reason: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseEvidence:
    """The owner was erased, and the media of the evidence are destroyed."""

    by: Actor
    at: datetime


EvidenceCommand = ReceiveEvidence | BeginSanitising | MakeAvailable | RejectEvidence | EraseEvidence


# Events


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceReceived:
    """``salt`` and ``original_sha256`` open the ``commitment``: see ``commitment_to``.

    ``turn`` groups what a member uploaded on a day; without it, the owner does.
    """

    evidence_id: EvidenceId
    owner: SealedMember
    turn: HiddenText = ""
    kind: MediaKind
    commitment: str
    salt: HiddenText
    original_sha256: HiddenText
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SanitisingBegun:
    evidence_id: EvidenceId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceMadeAvailable:
    """``media_type``, ``sha256`` and ``size`` are those of the rendition."""

    evidence_id: EvidenceId
    owner: SealedMember
    kind: MediaKind
    commitment: str
    media_type: str
    sha256: str
    size: int
    duration: float | None = None
    has_poster: bool = False
    left_out: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRejected:
    evidence_id: EvidenceId
    owner: SealedMember
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceErased:
    evidence_id: EvidenceId
    at: datetime


EvidenceEvent = (
    EvidenceReceived | SanitisingBegun | EvidenceMadeAvailable | EvidenceRejected | EvidenceErased
)


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    evidence_id: EvidenceId = EvidenceId("")
    owner: MemberId = MemberId("")
    kind: MediaKind = MediaKind.DOCUMENT
    commitment: str = ""
    salt: str = ""
    original_sha256: str = ""
    status: EvidenceStatus | None = None
    erased: bool = False


def decide(command: EvidenceCommand, state: Evidence) -> list[EvidenceEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    if isinstance(command, ReceiveEvidence):
        return _receive(command, state)
    _must_be_received(state)
    must_be_system(command.by, "Only the system sanitises and erases evidence.")
    if isinstance(command, EraseEvidence):
        return _erase(command, state)
    return [] if _is_closed(state) else _sanitise(command, state)


def _sanitise(
    command: BeginSanitising | MakeAvailable | RejectEvidence, state: Evidence
) -> list[EvidenceEvent]:
    match command:
        case BeginSanitising():
            return _begin(command, state)
        case MakeAvailable():
            return [_made_available(command, state)]
        case RejectEvidence():
            return [_rejected(command, state)]
        case _:
            assert_never(command)


def evolve(state: Evidence, event: EvidenceEvent) -> Evidence:
    """Return the state after the event."""
    match event:
        case EvidenceReceived():
            return Evidence(
                evidence_id=event.evidence_id,
                owner=event.owner,
                kind=event.kind,
                commitment=event.commitment,
                salt=event.salt,
                original_sha256=event.original_sha256,
                status=EvidenceStatus.RECEIVED,
            )
        case SanitisingBegun():
            return replace(state, status=EvidenceStatus.SANITISING)
        case EvidenceMadeAvailable():
            return replace(state, kind=event.kind, status=EvidenceStatus.AVAILABLE)
        case EvidenceRejected():
            return replace(state, status=EvidenceStatus.REJECTED)
        case EvidenceErased():
            return replace(state, erased=True)
        case _:
            assert_never(event)


evidence_decider: Decider[EvidenceCommand, Evidence, EvidenceEvent] = Decider(
    category="evidence", initial=Evidence(), decide=decide, evolve=evolve
)


def commitment_to(original_sha256: str, salt: str) -> str:
    """Return the SHA-256 of the text ``<salt><hash of the original>``, all in lower-case hex.

    It reveals nothing about the original without the salt, and fits no other original.
    """
    return sha256((salt + original_sha256).encode()).hexdigest()


def _receive(command: ReceiveEvidence, state: Evidence) -> list[EvidenceEvent]:
    if state.status:
        raise DomainError(
            "already-received", "Evidence with this id was received already; use another id."
        )
    received = EvidenceReceived(
        evidence_id=command.evidence_id,
        owner=command.by.member_id,
        turn=command.turn,
        kind=command.kind,
        commitment=commitment_to(command.original_sha256, command.salt),
        salt=command.salt,
        original_sha256=command.original_sha256,
        at=command.at,
    )
    return [received]


def _erase(command: EraseEvidence, state: Evidence) -> list[EvidenceEvent]:
    if state.erased:
        return []
    return [EvidenceErased(evidence_id=state.evidence_id, at=command.at)]


def _begin(command: BeginSanitising, state: Evidence) -> list[EvidenceEvent]:
    if state.status is not EvidenceStatus.RECEIVED:
        return []
    return [SanitisingBegun(evidence_id=state.evidence_id, at=command.at)]


def _rejected(command: RejectEvidence, state: Evidence) -> EvidenceRejected:
    return EvidenceRejected(
        evidence_id=state.evidence_id,
        owner=state.owner,
        reason=command.reason,
        at=command.at,
    )


def _made_available(command: MakeAvailable, state: Evidence) -> EvidenceMadeAvailable:
    return EvidenceMadeAvailable(
        evidence_id=state.evidence_id,
        owner=state.owner,
        kind=_kind_of(command, state),
        commitment=state.commitment,
        media_type=command.media_type,
        sha256=command.sha256,
        size=command.size,
        duration=command.duration,
        has_poster=command.has_poster,
        left_out=command.left_out,
        at=command.at,
    )


def _kind_of(command: MakeAvailable, state: Evidence) -> MediaKind:
    """Return the kind of the rendition: phones also record sound alone into video containers."""
    return MediaKind.AUDIO if command.media_type.startswith("audio/") else state.kind


def _is_closed(state: Evidence) -> bool:
    """Return whether the evidence is sanitised, rejected or erased."""
    decided = (EvidenceStatus.AVAILABLE, EvidenceStatus.REJECTED)
    return state.erased or state.status in decided


def _must_be_received(state: Evidence) -> None:
    if not state.status:
        raise DomainError("not-found", "There is no such evidence.")
