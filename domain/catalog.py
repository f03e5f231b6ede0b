"""Every event of the system under the name it is stored by, visible in one place.

A stored name (``cases.CaseReported``) never changes, because stored events carry it. A breaking
change is a new version of the event, with an upcaster for the old one registered beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from domain.cases.case_events import CaseEvent
from domain.cases.engagement import EngagementEvent
from domain.cases.exhibit import ExhibitEvent
from domain.cases.party import PartyEvent
from domain.decider import NothingChanged
from domain.discussions.comment import CommentEvent
from domain.discussions.discussion import DiscussionEvent
from domain.evidence.evidence import EvidenceEvent
from domain.members.member import MemberEvent, member_decider
from domain.moderation.decision import DecisionEvent
from domain.moderation.flag import FlagEvent
from domain.moderation.record import RecordEvent
from domain.moderation.subject import SubjectEvent
from domain.operations.alert import AlertEvent
from domain.operations.intervention import InterventionEvent
from domain.webhooks.delivery import DeliveryEvent
from domain.webhooks.webhook import WebhookEvent

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

# The prefix of events that belong to no context: the log of every context may hold them.
COMMANDS = "commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The event that erases a person.

    ``name`` is its stored name and ``field`` its field with the person's id. The field ``later``
    says whether the person's aliases are erased later. ``stream`` returns the name of the only
    stream in which the event is valid for a person.
    """

    name: str
    field: str
    later: str
    stream: Callable[[str], str]

    @property
    def log(self) -> str:
        """The log that holds the event."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCatalog:
    """The classes of events by their stored names, and the upcasters of older versions.

    ``upcasters`` holds the steps for each stored name. The first step converts the data of an event
    from version 1 to 2, and so on. The version of an event is therefore the number of its steps
    plus one.
    """

    types: Mapping[str, type]
    upcasters: Mapping[str, tuple[Upcaster, ...]] = field(default_factory=dict)

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts, each with a log of its own, in the order of their events."""
        found = (name.partition(".")[0] for name in self.types)
        return tuple(context for context in dict.fromkeys(found) if context != COMMANDS)

    @property
    def names(self) -> dict[type, str]:
        """The stored names by the classes of events."""
        return {event_type: name for name, event_type in self.types.items()}

    def version(self, name: str) -> int:
        """Return the current version of the event with this name."""
        return len(self.upcasters.get(name, ())) + 1

    def upcast(self, name: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """Return the data of a stored event, converted from this version to the current one."""
        for step in self.upcasters.get(name, ())[version - 1 :]:
            data = step(data)
        return data


def catalog(
    upcasters: Mapping[str, tuple[Upcaster, ...]] | None = None, **contexts: Any
) -> EventCatalog:
    """Return a catalog of the events of each context: a union of classes, or one class."""
    types = {
        f"{context}.{event_type.__name__}": event_type
        for context, union in contexts.items()
        for event_type in get_args(union) or (union,)
    }
    return EventCatalog(types=types, upcasters=upcasters or {})


ERASURE = Erasure(
    name="members.MemberErased",
    field="member_id",
    later="anonymous_later",
    stream=member_decider.stream,
)

EVENTS = catalog(
    upcasters={},
    members=MemberEvent,
    cases=CaseEvent | EngagementEvent | ExhibitEvent | PartyEvent,
    evidence=EvidenceEvent,
    discussions=DiscussionEvent | CommentEvent,
    moderation=FlagEvent | RecordEvent | SubjectEvent | DecisionEvent,
    webhooks=WebhookEvent | DeliveryEvent,
    operations=AlertEvent | InterventionEvent,
    **{COMMANDS: NothingChanged},
)
