"""Feeds a query service: folds a batch of events into its read model, in one atomic step."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec, RecordedEvent, UnknownEvent
from application.ports.read_models import ReadModel, ReadModels
from application.queries.query_service import QueryService, value_of
from application.queries.rows import Touched, UnitOfWork
from domain.members.member import MemberErased

D = TypeVar("D")

# The stored number of a read model is its declared version and how often that was rebuilt.
BUILDS = 1000


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
        decoded = [self._codec.decode(event) for event in events]
        known = [event for event in decoded if not isinstance(event, UnknownEvent)]
        self._forget_erased(known)
        work: UnitOfWork[D] = UnitOfWork(self.model, value_of)
        if len(known) > 1:
            work.prefetch(self._touched(known))
        for event in known:
            self.service.project(event, work)
        self.model.commit(work.changes, checkpoint)

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


def name_of(service: QueryService[Any], build: int) -> str:
    """The subscriber of one build: each has its own checkpoint, and parks events of its own."""
    return f"{service.name}.{build}"


def open_build(service: QueryService[Any], models: ReadModels, build: int) -> ReadModel[Any]:
    """One build of a service's read model."""
    return models.open(service.name, build, service.document, service.indexes)


def current_build(service: QueryService[Any], models: ReadModels) -> int:
    """The build to feed now."""
    return build_to_feed(service, models.live_version(service.name))


def build_to_feed(service: QueryService[Any], live: int) -> int:
    """The live build if it is of the declared version, else a new one."""
    return live if live // BUILDS == service.version else service.version * BUILDS
