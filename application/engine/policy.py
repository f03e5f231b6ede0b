"""The base of every policy, and the subscriber that runs one."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeVar

from application.engine.declared_events import declared_events, is_decoded, topics_of
from application.engine.derived_ids import derived_id
from application.engine.executor import CommandContext
from application.engine.subscriber import EventsFailed, correlated, describe
from application.engine.turns import Turn
from application.ports.checkpoints import Checkpoint, Checkpoints, Fenced
from application.ports.codec import EventCodec, RecordedEvent
from application.ports.telemetry import NO_TELEMETRY, Telemetry
from application.ports.unavailable import Unavailable
from domain.decider import DomainError

D = TypeVar("D")

log = logging.getLogger(__name__)

# A policy's checkpoint is saved after so many events, which usually take less than a second.
EVENTS_A_BATCH = 100

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that a policy reacts to. It makes the CommandContext of each command.

    ``seconds`` is the time limit of a slow reaction; None for no limit.
    """

    policy: str
    event: RecordedEvent
    seconds: float | None = None

    @property
    def at(self) -> datetime:
        """When the event happened."""
        return _EPOCH + timedelta(microseconds=self.event.stamp)

    def context(self, what: str = "") -> CommandContext:
        """Return the context of a command, with an id that is derived from the event.

        A repeated reaction derives the same id, so the command takes effect once. ``what``
        distinguishes several commands of one reaction.
        """
        return CommandContext(
            command_id=derived_id(self.policy, self.event.id, what),
            correlation_id=self.event.correlation_id,
            causation_id=self.event.id,
            traceparent=self.event.traceparent,
            once=True,
        )


@contextmanager
def skipping_erased() -> Iterator[None]:
    """Skip a command that was refused because its data subject is erased."""
    try:
        yield
    except DomainError as refused:
        if refused.code != "erased":
            raise


class Policy(Generic[D]):
    """Reacts to events with commands to its own context, which is named in ``service``.

    The type of the parameter ``event`` of ``react`` declares the events that it reacts to. No other
    event is decoded for it. ``D`` is the type of its dependencies.

    A ``slow`` policy runs in a pool. The events of one stream stay in order, other streams do not
    wait for them, and members take turns.
    """

    name: ClassVar[str]
    service: ClassVar[str]
    handles: ClassVar[tuple[str, ...]]
    topics: ClassVar[tuple[str, ...]]
    slow: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Derive ``handles``, the stored names of its events, and ``topics``, their logs."""
        super().__init_subclass__()
        if "react" in vars(cls):
            cls.handles = declared_events(cls.react)
            cls.topics = topics_of(cls.handles)

    def __init__(self, dependencies: D) -> None:
        self.dependencies = dependencies

    def react(self, event: Any, cause: Cause) -> None:
        """Execute the commands that follow from the event.

        It may be called again for the same event, and must execute the same commands. It therefore
        reads other aggregates as they were at the time of the event.
        """
        raise NotImplementedError

    def turn(self, event: object) -> Turn:  # noqa: ARG002 - for slow policies
        """Return the member and lane of the event, if the policy is slow."""
        return Turn()


class PolicySubscriber:
    """Handles events with a policy. The checkpoint is saved after the policy's commands.

    ``may_continue`` renews the lease, and returns whether this process still holds it. If it does
    not, another process continues from the checkpoint; it handles the events since then again,
    which has no further effect.
    """

    def __init__(self, policy: Policy[Any], codec: EventCodec, checkpoints: Checkpoints) -> None:
        self.may_continue: Callable[[], bool] = lambda: True
        self.telemetry: Telemetry = NO_TELEMETRY
        self.policy = policy
        self.name = policy.name
        self.topics = policy.topics
        self._codec = codec
        self._checkpoints = checkpoints

    def begin(self) -> None: ...

    def is_full(self) -> bool:
        return False

    def checkpoint(self) -> Checkpoint:
        return self._checkpoints.load(self.name)

    def positions(self) -> Mapping[str, int]:
        return self._checkpoints.load(self.name).positions

    def unreadable(self) -> Mapping[str, str]:
        """Return by topic the id of an event that only a newer program can read."""
        return {}

    def concerns(self, event: RecordedEvent) -> bool:
        """Return whether the policy reacts to the event, or the event is unknown here."""
        return is_decoded(event.type, self.policy.handles, self._codec)

    def handle(self, events: Sequence[RecordedEvent], checkpoint: Checkpoint) -> None:
        """React to the events, except those after a failed one of the same stream."""
        errors: dict[str, str] = {}
        failed: set[str] = set()
        for event in events:
            if not self.may_continue():
                raise Fenced
            if event.stream not in failed and (error := self._error_of(event)):
                errors[event.id] = error
                failed.add(event.stream)
        if errors:
            raise EventsFailed(errors)
        self._checkpoints.save(self.name, checkpoint)

    def _error_of(self, event: RecordedEvent) -> str:
        """React to the event. Returns the error message, or "" if it succeeded."""
        try:
            self.react(event)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("%s failed on %s", self.name, event.id, extra=correlated(event))
            return describe(error)
        return ""

    def react(self, event: RecordedEvent, seconds: float | None = None) -> None:
        """Let the policy react. Its commands are skipped if their data subject is erased."""
        if not self.concerns(event):
            return
        decoded = self._codec.decode(event)
        with self.telemetry.reacting(self.name, event), skipping_erased():
            self.policy.react(decoded, Cause(self.name, event, seconds))
