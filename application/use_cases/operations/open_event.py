"""Find one event, and open its personal fields for an operator who says why."""

from collections.abc import Mapping
from typing import Any

from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from application.system import CONTEXTS
from application.use_cases.operations.intervene import Explanation, Intervene
from application.use_cases.operations.masking import masked, personal_values
from domain.operations.intervention import Action


class OpenEvents:
    """Each opening is an intervention. It is stored before anything is decrypted."""

    def __init__(self, history: History, codec: EventCodec, intervene: Intervene) -> None:
        self._history = history
        self._codec = codec
        self._intervene = intervene

    def find(self, event_id: str) -> RecordedEvent | None:
        """Return the event with this id, numbered, or None."""
        log, _, rest = event_id.partition("/")
        stream, _, version = rest.rpartition("@")
        if log not in CONTEXTS or not (version.isdecimal() and version.isascii()):
            return None
        position = self._history.position_of(log, stream, int(version))
        if position is None:
            return None
        found = self._history.read(log, position - 1, 1)
        return next((each for each in found if each.position == position), None)

    def open(self, event: RecordedEvent, why: Explanation) -> Mapping[str, Any] | None:
        """Return the personal fields; None if their person was erased. Raises DomainError without a
        name or a reason, and NewerProgram."""
        self._intervene.begin(Action.OPEN, event.id, why)
        decoded = self._codec.decode_unless_erased(event)
        return None if decoded is None else personal_values(decoded, masked(event).opens)
