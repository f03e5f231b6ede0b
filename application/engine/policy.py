"""The base of every policy, and the two ways of running one."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from application.engine.declared_events import declared_events, is_read, topics_of
from application.engine.derived_ids import derived_id
from application.engine.executor import CommandContext
from application.engine.subscriber import EventsFailed, describe
from application.engine.turns import Turn
from application.ports.checkpoints import Checkpoint, Checkpoints, Fenced
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.unavailable import Unavailable
from domain.decider import DomainError

D = TypeVar("D")

log = logging.getLogger(__name__)

# After so many events a policy's checkpoint is saved: they take well under a second, mostly.
EVENTS_A_BATCH = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that a policy reacts to: where the commands it gives come from.

    ``seconds`` limits how long a slow reaction may take; None for as long as it takes.
    """

    policy: str
    event: RecordedEvent
    seconds: float | None = None

    @property
    def at(self) -> datetime:
        """When the event happened."""
        return _EPOCH + timedelta(microseconds=self.event.stamp)

    def context(self, what: str = "") -> CommandContext:
        """A command's context: its id is derived from the event, and decided on once.

        ``what`` tells apart several commands of one reaction."""
        return CommandContext(
            command_id=derived_id(self.policy, self.event.id, what),
            correlation_id=self.event.correlation_id,
            causation_id=self.event.id,
            traceparent=self.event.traceparent,
            once=True,
        )


@contextmanager
def skipping_erased() -> Iterator[None]:
    """Skip a command whose events would be about an erased person."""
    try:
        yield
    except DomainError as refused:
        if refused.code != "erased":
            raise


class Policy(Generic[D]):
    """A reaction to events. ``service`` is the context that it belongs to and commands.

    ``D`` is the type of its dependencies: what it reads and commands with.

    One whose work is ``slow`` runs in a pool: events of one stream stay in order, other streams go
    on meanwhile, and members take turns. The type of the parameter ``event`` of ``react`` declares
    the events that it reacts to: no other event is decoded for it.
    """

    name: ClassVar[str]
    service: ClassVar[str]
    handles: ClassVar[tuple[str, ...]]
    topics: ClassVar[tuple[str, ...]]
    slow: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Derive the stored names of the events that it reacts to, and their topics."""
        super().__init_subclass__()
        if "react" in vars(cls):
            cls.handles = declared_events(cls.react)
            cls.topics = topics_of(cls.handles)

    def __init__(self, dependencies: D) -> None:
        self.dependencies = dependencies

    def react(self, event: Any, cause: Cause) -> None:
        """Give the commands that the event calls for.

        It may be called again for the same event, and must give the same commands: what they depend
        on in other aggregates is read as it was at the event.
        """
        raise NotImplementedError

    def turn(self, event: object) -> Turn:  # noqa: ARG002 - it matters to some
        """Whose turn the event takes where the policy is slow."""
        return Turn()


class PolicySubscriber:
    """The subscriber of a policy: its commands first, then its checkpoint.

    ``leads`` keeps the lease for it, and tells whether it has it still. Where it has not, another
    process goes on from the checkpoint, and events handled since are handled again, without effect.
    """

    def __init__(self, policy: Policy[Any], codec: EventCodec, checkpoints: Checkpoints) -> None:
        self.leads: Callable[[], bool] = lambda: True
        self.policy = policy
        self.name = policy.name
        self.topics = policy.topics
        self._codec = codec
        self._checkpoints = checkpoints

    def begin(self) -> None: ...

    def full(self) -> bool:
        return False

    def checkpoint(self) -> Checkpoint:
        return self._checkpoints.load(self.name)

    def positions(self) -> Mapping[str, int]:
        return self._checkpoints.load(self.name).positions

    def waits(self) -> Mapping[str, str]:
        """By topic, what keeps an event waiting until a newer program leads."""
        return {}

    def concerns(self, event: RecordedEvent) -> bool:
        """Whether the policy reacts to such events, or a newer program's might."""
        return is_read(event.type, self.policy.handles, self._codec)

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        """React to the events, but for those after one that fails in its stream."""
        errors: dict[str, str] = {}
        failed: set[str] = set()
        for event in events:
            if not self.leads():
                raise Fenced
            if event.stream not in failed and (error := self._error_of(event)):
                errors[event.id] = error
                failed.add(event.stream)
        if errors:
            raise EventsFailed(errors)
        self._checkpoints.save(self.name, checkpoint)

    def _error_of(self, event: RecordedEvent) -> str:
        """React, and return what went wrong, if anything did."""
        try:
            self.react(event)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("%s failed on %s", self.name, event.id)
            return describe(error)
        return ""

    def react(self, event: RecordedEvent, seconds: float | None = None) -> None:
        """Let the policy react, unless the member that the event is about was erased."""
        if not self.concerns(event):
            return
        decoded = self._codec.decode(event)
        with skipping_erased():
            self.policy.react(decoded, Cause(self.name, event, seconds))
