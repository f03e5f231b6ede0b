"""Destroying all that an erased member ever uploaded."""

import logging
from collections.abc import Iterator
from typing import cast

from application.engine.erasures import is_erased_in_log
from application.ports.codec import EventCodec
from application.ports.history import History
from application.use_cases.evidence.media import DestroyMedia
from application.use_cases.evidence.uploads import ReceiveUploads
from domain.evidence.evidence import EvidenceReceived

log = logging.getLogger(__name__)

LOG = "evidence"
RECEIVED = "evidence.EvidenceReceived"
COMMITS_A_READ = 1000


class EraseMedia:
    """Finds a member's evidence by reading its whole log: nothing else may tell whose it was.

    What is received after the log was read is destroyed by SanitiseEvidence, which hears of it.
    """

    def __init__(
        self, history: History, codec: EventCodec, uploads: ReceiveUploads, destroy: DestroyMedia
    ) -> None:
        self._history = history
        self._codec = codec
        self._uploads = uploads
        self._destroy = destroy

    def __call__(self, member_id: str) -> None:
        """Destroy the media of a member, if the log has their erasure. It may be called again."""
        if not is_erased_in_log(self._history, member_id):
            log.error("kept the media of a member whose erasure is not in the log")
            return
        self._uploads.give_up_erased()
        for evidence_id in self._evidence_of(member_id):
            self._destroy(evidence_id)

    def _evidence_of(self, member_id: str) -> Iterator[str]:
        position = 0
        while events := self._history.read(LOG, position, COMMITS_A_READ):
            for event in events:
                if event.type == RECEIVED and self._codec.subject(event) == member_id:
                    yield cast("EvidenceReceived", self._codec.decode(event)).evidence_id
            position = events[-1].position
