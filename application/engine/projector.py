"""Project a batch of events into a read model, in one atomic commit with the checkpoint."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar

from application.engine.builds import as_searched, name_of
from application.engine.declared_events import is_decoded, stored_names
from application.engine.derived_ids import derived_id
from application.engine.erasures import erased_person, is_erased_in_log
from application.engine.query_service import QueryService, value_of
from application.engine.rows import Keyed, UnitOfWork
from application.engine.subscriber import EventsFailed, correlated, describe
from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.history import History
from application.ports.read_models import ReadModel
from application.ports.telemetry import NO_TELEMETRY, Telemetry
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
        *,
        telemetry: Telemetry = NO_TELEMETRY,
        keyed: Keyed = derived_id,
    ) -> None:
        self.service = service
        self.model = model
        self.build = build
        self.name = name_of(service, build)
        self.topics = service.topics
        self._codec = codec
        self._history = history
        self._telemetry = telemetry
        self._keyed = keyed
        self._erasing = frozenset(stored_names(service.erasing))
        self._erasures, self._purged = 0, -1  # the process before may not have purged

    def begin(self) -> None:
        """Start as the process that projects from now on."""
        self._purged = -1

    def purge(self) -> None:
        """Remove what was erased from the files of a search index, if anything was."""
        erasures = self._erasures  # another thread may handle more meanwhile
        if self._erasing and self._purged < erasures:
            as_searched(self.model).purge()
            self._purged = erasures

    def is_full(self) -> bool:
        return False

    def checkpoint(self) -> Checkpoint:
        return self.model.checkpoint()

    def positions(self) -> Mapping[str, int]:
        return self.checkpoint().positions

    def concerns(self, event: RecordedEvent) -> bool:  # noqa: ARG002 - tokens wait for every event
        return True

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        began, errors = time.time_ns(), dict[str, str]()
        self._forget_erased(events)
        decoded = self._decoded(events, errors)
        keys = partial(self._keys, decoded)
        work: UnitOfWork[D] = UnitOfWork(self.model, value_of, keys, self._keyed)
        self._project(decoded, work, errors)
        if errors:
            raise EventsFailed(errors)
        self.model.commit(work.changes, checkpoint, work.side_changes)
        self._erasures += sum(event.type in self._erasing for event in events)
        self._telemetry.projected(self.service.name, events, began)

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
                    log.exception(
                        "%s failed on %s", self.name, recorded.id, extra=correlated(recorded)
                    )
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
