"""Project a batch of events into a read model, in one atomic commit with the checkpoint."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from application.engine.builds import name_of
from application.engine.declared_events import is_decoded
from application.engine.erasures import erased_person, is_erased_in_log
from application.engine.query_service import QueryService, value_of
from application.engine.rows import UnitOfWork
from application.engine.subscriber import EventsFailed, describe
from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from application.ports.read_models import ReadModel
from application.ports.unavailable import Unavailable

D = TypeVar("D")
Decoded = list[tuple[RecordedEvent, object]]
Errors = dict[str, str]

log = logging.getLogger(__name__)


class Projector(Generic[D]):
    """Projects events with a query service into one build of its read model."""

    def __init__(
        self,
        service: QueryService[D],
        model: ReadModel[D],
        codec: EventCodec,
        history: History,
        build: int = 0,
    ) -> None:
        self.service = service
        self.model = model
        self.build = build
        self.name = name_of(service, build)
        self.topics = service.topics
        self._codec = codec
        self._history = history

    def begin(self) -> None: ...

    def is_full(self) -> bool:
        return False

    def checkpoint(self) -> Checkpoint:
        return self.model.checkpoint()

    def positions(self) -> Mapping[str, int]:
        return self.checkpoint().positions

    def concerns(self, event: RecordedEvent) -> bool:  # noqa: ARG002 - tokens wait for every event
        return True

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        errors: dict[str, str] = {}
        self._forget_erased(events)
        decoded = self._decoded(events, errors)
        work: UnitOfWork[D] = UnitOfWork(self.model, value_of, lambda: self._keys(decoded))
        self._project(decoded, work, errors)
        if errors:
            raise EventsFailed(errors)
        self.model.commit(work.changes, checkpoint, work.side_changes)

    def _decoded(self, events: Sequence[RecordedEvent], errors: Errors) -> Decoded:
        """Decode the declared events, without those of erased members. Collects errors by id."""
        decoded: Decoded = []
        for event in filter(self._is_decoded, events):
            try:
                typed = self._codec.decode_unless_erased(event)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - a poison event may raise anything
                errors[event.id] = describe(error)
            else:
                if typed is not None:
                    decoded.append((event, typed))
        return decoded

    def _is_decoded(self, event: RecordedEvent) -> bool:
        return is_decoded(event.type, self.service.handles, self._codec)

    def _project(self, events: Decoded, work: UnitOfWork[D], errors: Errors) -> None:
        """Project the events into the rows. Undoes those that fail, and collects their errors."""
        for recorded, event in events:
            work.version, work.position = recorded.version, recorded.position
            work.mark()
            try:
                self.service.project(event, work)
            except Unavailable:
                raise
            except Exception as error:
                if not errors:
                    log.exception("%s failed on %s", self.name, recorded.id)
                errors[recorded.id] = describe(error)
                work.undo()

    def _forget_erased(self, events: Iterable[RecordedEvent]) -> None:
        """Forget the keys of erased members, so that no later event of theirs is projected.

        The key may not be destroyed yet, or this process may have cached it.
        """
        for event in events:
            person_id = erased_person(event, self._codec)
            if person_id and is_erased_in_log(self._history, person_id):
                self._codec.forget(person_id)

    def _keys(self, events: Decoded) -> set[str]:
        return {key for _, event in events for key in self.service.keys(event)}
