"""The rules of evidence."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from domain.actors import SYSTEM, Actor
from domain.evidence.evidence import (
    BeginSanitising,
    EraseEvidence,
    EvidenceCommand,
    EvidenceErased,
    EvidenceEvent,
    EvidenceMadeAvailable,
    EvidenceReceived,
    EvidenceRejected,
    EvidenceStatus,
    MakeAvailable,
    ReceiveEvidence,
    RejectEvidence,
    SanitisingBegun,
    evidence_decider,
)
from domain.ids import EvidenceId, MediaKind, MemberId
from tests.world import refused

AT = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = Actor(member_id=MemberId("anna"))
E1 = EvidenceId("e1")
COMMITMENT = sha256(b"01" * 32 + b"ab" * 32).hexdigest()
RECEIVE = ReceiveEvidence(
    evidence_id=E1,
    kind=MediaKind.VIDEO,
    salt="01" * 32,
    original_sha256="ab" * 32,
    by=ANNA,
    at=AT,
)
RECEIVED = EvidenceReceived(
    evidence_id=E1,
    owner=ANNA.member_id,
    kind=MediaKind.VIDEO,
    commitment=COMMITMENT,
    salt="01" * 32,
    original_sha256="ab" * 32,
    at=AT,
)
BEGUN = SanitisingBegun(evidence_id=E1, at=AT)
AVAILABLE = EvidenceMadeAvailable(
    evidence_id=E1,
    owner=ANNA.member_id,
    kind=MediaKind.VIDEO,
    commitment=COMMITMENT,
    media_type="video/mp4",
    sha256="cd",
    size=9,
    duration=1.5,
    has_poster=True,
    at=AT,
)
REJECTED = EvidenceRejected(evidence_id=E1, owner=MemberId("anna"), reason="broken", at=AT)
BEGIN = BeginSanitising(by=SYSTEM, at=AT)
MAKE_AVAILABLE = MakeAvailable(
    media_type="video/mp4", sha256="cd", size=9, duration=1.5, has_poster=True, by=SYSTEM, at=AT
)
REJECT = RejectEvidence(reason="broken", by=SYSTEM, at=AT)


def when(past: list[EvidenceEvent], command: EvidenceCommand) -> list[EvidenceEvent]:
    return evidence_decider.decide(command, evidence_decider.fold(past))


def test_receiving_evidence_again_is_refused() -> None:
    assert when([], RECEIVE) == [RECEIVED]
    with refused("already-received"):
        when([RECEIVED], RECEIVE)


def test_sanitising_begins_once() -> None:
    assert when([RECEIVED], BEGIN) == [BEGUN]
    assert when([RECEIVED, BEGUN], BEGIN) == []
    assert evidence_decider.fold([RECEIVED, BEGUN]).status is EvidenceStatus.SANITISING


def test_sanitising_ends_with_available_or_rejected_evidence() -> None:
    assert when([RECEIVED, BEGUN], MAKE_AVAILABLE) == [AVAILABLE]
    assert when([RECEIVED, BEGUN], REJECT) == [REJECTED]


def test_a_video_without_pictures_becomes_audio() -> None:
    command = replace(MAKE_AVAILABLE, media_type="audio/mp4", has_poster=False)
    (available,) = when([RECEIVED, BEGUN], command)
    assert isinstance(available, EvidenceMadeAvailable)
    assert available.kind is MediaKind.AUDIO
    assert evidence_decider.fold([RECEIVED, BEGUN, available]).kind is MediaKind.AUDIO


def test_the_event_names_the_parts_that_were_left_out() -> None:
    command = replace(MAKE_AVAILABLE, left_out="The sound.")
    assert when([RECEIVED, BEGUN], command) == [replace(AVAILABLE, left_out="The sound.")]


@pytest.mark.parametrize("verdict", [AVAILABLE, REJECTED])
@pytest.mark.parametrize("command", [BEGIN, MAKE_AVAILABLE, REJECT])
def test_available_or_rejected_evidence_is_not_decided_again(
    verdict: EvidenceEvent, command: EvidenceCommand
) -> None:
    assert when([RECEIVED, BEGUN, verdict], command) == []


def test_only_the_system_rejects_evidence() -> None:
    with refused("forbidden"):
        when([RECEIVED], RejectEvidence(reason="dislike", by=ANNA, at=AT))


def test_rejecting_evidence_that_was_not_received_is_refused() -> None:
    with refused("not-found"):
        when([], REJECT)


def test_evidence_is_erased_once_in_any_state_and_no_event_follows() -> None:
    erase = EraseEvidence(by=SYSTEM, at=AT)
    erased = EvidenceErased(evidence_id=RECEIVED.evidence_id, at=AT)
    pasts: list[list[EvidenceEvent]] = [[RECEIVED], [RECEIVED, BEGUN]]
    for past in pasts:
        assert evidence_decider.decide(erase, evidence_decider.fold(past)) == [erased]
        gone = evidence_decider.fold([*past, erased])
        for command in (erase, BeginSanitising(by=SYSTEM, at=AT)):
            assert evidence_decider.decide(command, gone) == []
