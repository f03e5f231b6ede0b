"""Feeds a query service: folds a batch of events into its read model, in one atomic step."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.read_models import ReadModel
from application.queries.builds import name_of
from application.queries.query_service import QueryService, value_of
from application.queries.rows import Touched, UnitOfWork
from domain.catalog import EVENTS
from domain.members.member import MemberErased

D = TypeVar("D")

# Whoever ignores it must still forget whom it is about.
ERASED = EVENTS.names[MemberErased]


class Projector(Generic[D]):
    """The subscriber of one query service, writing into one build of its read model."""

    def __init__(
        self, service: QueryService[D], model: ReadModel[D], codec: EventCodec, build: int = 0
    ) -> None:
        self.service = service
        self.model = model
        self.build = build
        self.name = name_of(service, build)
        self.topics = service.topics
        self._codec = codec

    def begin(self) -> None: ...

    def full(self) -> bool:
        return False

    def checkpoint(self) -> Checkpoint:
        return self.model.checkpoint()

    def positions(self) -> Mapping[str, int]:
        return self.checkpoint().positions

    def concerns(self, event: RecordedEvent) -> bool:  # noqa: ARG002 - who waits looks for each
        return True

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        decoded = [self._codec.decode(event) for event in events if self._is_projected(event)]
        self._forget_erased(decoded)
        work: UnitOfWork[D] = UnitOfWork(self.model, value_of)
        if len(decoded) > 1:
            work.prefetch(self._touched(decoded))
        for event in decoded:
            self.service.project(event, work)
        self.model.commit(work.changes, checkpoint)

    def _is_projected(self, event: RecordedEvent) -> bool:
        return event.type not in self.service.ignores or event.type == ERASED

    def _forget_erased(self, events: Sequence[object]) -> None:
        """What is yet to be heard of an erased member, from another log, tells nothing of them.

        Their key may not be destroyed yet, or be remembered here.
        """
        for event in events:
            if isinstance(event, MemberErased):
                self._codec.forget(event.member_id)

    def _touched(self, events: Sequence[object]) -> list[str]:
        touched: Touched[D] = Touched()
        for event in events:
            self.service.project(event, touched)
        return list(touched.keys)
