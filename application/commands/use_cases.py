"""Every executor of the system, by aggregate: what entrypoints and policies give commands to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from application.commands.executor import CommandExecutor
from application.ports.clock import Clock
from application.ports.codec import EventCodec
from application.ports.event_store import EventStore
from domain.cases.case import Case, CaseCommand, CaseEvent, case_decider
from domain.cases.engagement import (
    Engagement,
    EngagementCommand,
    EngagementEvent,
    engagement_decider,
)
from domain.cases.exhibit import Exhibit, ExhibitCommand, ExhibitEvent, exhibit_decider
from domain.decider import Decider
from domain.evidence.evidence import Evidence, EvidenceCommand, EvidenceEvent, evidence_decider
from domain.members.member import Member, MemberCommand, MemberEvent, member_decider
from domain.webhooks.delivery import Delivery, DeliveryCommand, DeliveryEvent, delivery_decider
from domain.webhooks.webhook import Registry, WebhookCommand, WebhookEvent, registry_decider

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

Cases = CommandExecutor[CaseCommand, Case, CaseEvent]
Exhibits = CommandExecutor[ExhibitCommand, Exhibit, ExhibitEvent]
Engagements = CommandExecutor[EngagementCommand, Engagement, EngagementEvent]
EvidenceItems = CommandExecutor[EvidenceCommand, Evidence, EvidenceEvent]
Webhooks = CommandExecutor[WebhookCommand, Registry, WebhookEvent]
Deliveries = CommandExecutor[DeliveryCommand, Delivery, DeliveryEvent]
Members = CommandExecutor[MemberCommand, Member, MemberEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executors:
    members: Members
    cases: Cases
    exhibits: Exhibits
    engagements: Engagements
    evidence: EvidenceItems
    webhooks: Webhooks
    deliveries: Deliveries


def make_executors(stores: Mapping[str, EventStore], codec: EventCodec, clock: Clock) -> Executors:
    """The executor of every aggregate, over the logs of the contexts."""

    def on(log: str, decider: Decider[C, S, E]) -> CommandExecutor[C, S, E]:
        return CommandExecutor(decider, stores[log], codec, clock)

    return Executors(
        members=on("members", member_decider),
        cases=on("cases", case_decider),
        exhibits=on("cases", exhibit_decider),
        engagements=on("cases", engagement_decider),
        evidence=on("evidence", evidence_decider),
        webhooks=on("webhooks", registry_decider),
        deliveries=on("webhooks", delivery_decider),
    )
