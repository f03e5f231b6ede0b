"""Every event of the system under the name it is stored by, visible in one place.

A stored name (``cases.CaseReported``) never changes: history is written in it. A breaking change
is a new version of the event, with an upcaster for the old one registered beside it.
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
from domain.webhooks.delivery import DeliveryEvent
from domain.webhooks.webhook import WebhookEvent

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

# Every log may hold the events under this name, whatever its context.
COMMANDS = "commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The event by which a person is erased: its stored name, the field that holds the person's
    id, and what names the stream that it must stand in."""

    name: str
    field: str
    stream: Callable[[str], str]

    @property
    def log(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCatalog:
    """Which class stands behind a stored name, which name behind a class.

    ``upcasters`` holds, by stored name, the steps that each lift the event's data from one version
    to the next: the first from 1 to 2, and so on. An event's version is one more than its steps.
    """

    types: Mapping[str, type]
    upcasters: Mapping[str, tuple[Upcaster, ...]] = field(default_factory=dict)

    @property
    def names(self) -> dict[type, str]:
        return {event_type: name for name, event_type in self.types.items()}

    def version(self, name: str) -> int:
        """The version in which an event of that name is written today."""
        return len(self.upcasters.get(name, ())) + 1

    def upcast(self, name: str, version: int, data: dict[str, Any]) -> dict[str, Any]:
        """The data of a stored event, lifted from its version to today's."""
        for step in self.upcasters.get(name, ())[version - 1 :]:
            data = step(data)
        return data


def catalog(
    upcasters: Mapping[str, tuple[Upcaster, ...]] | None = None, **contexts: Any
) -> EventCatalog:
    """A catalog of each context's union of event types, or its only one."""
    types = {
        f"{context}.{event_type.__name__}": event_type
        for context, union in contexts.items()
        for event_type in get_args(union) or (union,)
    }
    return EventCatalog(types=types, upcasters=upcasters or {})


ERASURE = Erasure(name="members.MemberErased", field="member_id", stream=member_decider.stream)

EVENTS = catalog(
    {},
    members=MemberEvent,
    cases=CaseEvent | EngagementEvent | ExhibitEvent | PartyEvent,
    evidence=EvidenceEvent,
    discussions=DiscussionEvent | CommentEvent,
    moderation=FlagEvent | RecordEvent | SubjectEvent | DecisionEvent,
    webhooks=WebhookEvent | DeliveryEvent,
    **{COMMANDS: NothingChanged},
)
