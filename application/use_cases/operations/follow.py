"""Follow one command: its events, what policies did in answer, and which read models show it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from application.ports.checkpoints import Checkpoint
from application.ports.codec import RecordedEvent
from application.ports.parked import ParkedEvents
from application.use_cases.operations.correlations import Correlations
from application.use_cases.operations.handlers import POLICY, Handler, Handlers

HANDLED, WAITS, PARKED = "handled", "not handled yet", "parked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What a subscriber did with an event. ``led_to`` are the ids of events of a policy."""

    handler: Handler
    state: str
    led_to: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An event of the command. ``depth`` counts the reactions between the command and it."""

    event: RecordedEvent
    depth: int
    reactions: Sequence[Reaction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """``unread`` says by log how many older events were not looked at yet."""

    steps: Sequence[Step]
    unread: Mapping[str, int]


class FollowCommand:
    """Reads the events of one correlation id and the checkpoints of those that handle them."""

    def __init__(
        self, correlations: Correlations, handlers: Handlers, parked: ParkedEvents
    ) -> None:
        self._correlations = correlations
        self._handlers = handlers
        self._parked = parked

    def __call__(self, correlation_id: str) -> Followed:
        """Return the steps: each event comes after the one that led to it."""
        found = self._correlations.find(correlation_id)
        events = {event.id: event for event in found.events}
        state_of = self._states(events)
        steps = [
            Step(
                event=event,
                depth=_depth(event, events),
                reactions=[
                    Reaction(
                        handler=handler,
                        state=state_of(handler, event),
                        led_to=_led_to(handler, event, found.events),
                    )
                    for handler in self._handlers.of(event.type)
                ],
            )
            for event in in_order(found.events)
        ]
        return Followed(steps=steps, unread=found.unread)

    def _states(
        self, events: Mapping[str, RecordedEvent]
    ) -> Callable[[Handler, RecordedEvent], str]:
        """Return a function that tells what a subscriber did with an event. It asks for each
        checkpoint once."""
        parked = {(each.service, each.event.id) for each in self._parked.list()} if events else ()
        checkpoints: dict[str, Checkpoint] = {}

        def state_of(handler: Handler, event: RecordedEvent) -> str:
            if (handler.name, event.id) in parked:
                return PARKED
            if handler.subscriber not in checkpoints:
                checkpoints[handler.subscriber] = handler.checkpoint()
            reached = checkpoints[handler.subscriber].at(event.log)
            return HANDLED if reached >= event.position else WAITS

        return state_of


def in_order(events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """Return the events so that each follows its cause; those of one log in its order."""
    known = {event.id: event for event in events}

    def place(event: RecordedEvent) -> tuple[int, int, str, int]:
        return _depth(event, known), event.stamp, event.log, event.position

    return sorted(events, key=place)


def _depth(event: RecordedEvent, known: Mapping[str, RecordedEvent]) -> int:
    depth, cause = 0, known.get(event.causation_id)
    while cause is not None and depth < len(known):
        depth, cause = depth + 1, known.get(cause.causation_id)
    return depth


def _led_to(handler: Handler, event: RecordedEvent, events: Sequence[RecordedEvent]) -> list[str]:
    """Return the events that a policy led to. One policy of a context handles an event, or several:
    then they share what the context did in answer."""
    if handler.kind != POLICY:
        return []
    return [
        each.id for each in events if each.causation_id == event.id and each.log == handler.service
    ]
