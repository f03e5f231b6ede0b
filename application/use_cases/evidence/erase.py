"""Destroying all that an erased member ever uploaded."""

import logging
from random import SystemRandom

from application.engine.contributions import streams_of
from application.engine.erasures import is_erased_in_log
from application.engine.executor import CommandContext
from application.executors import EvidenceExecutor
from application.ports.clock import Clock
from application.ports.codec import EventCodec
from application.ports.history import History
from application.use_cases.evidence.media import DestroyMedia
from application.use_cases.evidence.uploads import ReceiveUploads
from domain.actors import SYSTEM
from domain.evidence.evidence import EraseEvidence, evidence_decider

log = logging.getLogger(__name__)

LOG = "evidence"


class EraseMedia:
    """Finds a member's evidence by reading its whole log: nothing else may tell whose it was.

    What is received after the log was read is destroyed by SanitiseEvidence, which handles all
    evidence. The commands have random ids and name no cause, and come in random order.
    """

    def __init__(
        self,
        history: History,
        codec: EventCodec,
        *,
        uploads: ReceiveUploads,
        destroy: DestroyMedia,
        evidence: EvidenceExecutor,
        clock: Clock,
    ) -> None:
        self._history = history
        self._codec = codec
        self._uploads = uploads
        self._destroy = destroy
        self._evidence = evidence
        self._clock = clock

    def __call__(self, member_id: str) -> None:
        """Destroy the media of a member, if the log has their erasure. It may be called again."""
        if not is_erased_in_log(self._history, member_id):
            log.error("kept the media of a member whose erasure is not in the log")
            return
        self._uploads.give_up_erased()
        streams = list(streams_of(self._history, self._codec, LOG, member_id))
        SystemRandom().shuffle(streams)
        for stream in streams:
            evidence_id = stream.removeprefix(evidence_decider.stream(""))
            self._destroy(evidence_id)
            erase = EraseEvidence(by=SYSTEM, at=self._clock())
            self._evidence.execute(evidence_id, erase, CommandContext())
