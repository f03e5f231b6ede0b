"""Destroy everything that an erased member has uploaded."""

from application.engine.contributions import Contributions
from application.engine.executor import CommandContext
from application.executors import EvidenceExecutor
from application.ports.clock import Clock
from application.use_cases.evidence.media import DestroyMedia
from application.use_cases.evidence.uploads import ReceiveUploads
from domain.actors import SYSTEM
from domain.evidence.evidence import EraseEvidence, evidence_decider


class EraseMedia:
    """Destroys a member's evidence and unfinished uploads.

    SanitiseEvidence, which handles all evidence, destroys what is received after the log was read.
    The commands have random ids and no cause, as in ForgetInCases.
    """

    def __init__(
        self,
        contributions: Contributions,
        *,
        uploads: ReceiveUploads,
        destroy: DestroyMedia,
        evidence: EvidenceExecutor,
        clock: Clock,
    ) -> None:
        self._contributions = contributions
        self._uploads = uploads
        self._destroy = destroy
        self._evidence = evidence
        self._clock = clock

    def __call__(self, member_id: str) -> None:
        """Destroy the member's media, if the log holds their erasure. It may be repeated."""
        streams = self._contributions.of_erased(member_id, "evidence")
        self._uploads.give_up_erased()
        for stream, _ in streams:
            evidence_id = stream.removeprefix(evidence_decider.stream(""))
            self._destroy(evidence_id)
            erase = EraseEvidence(by=SYSTEM, at=self._clock())
            self._evidence.execute(evidence_id, erase, CommandContext())
