"""The executor of every aggregate. Entrypoints and policies issue their commands through them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from application.engine.executor import CommandExecutor
from application.ports.clock import Clock
from application.ports.codec import EventCodec
from application.ports.event_store import EventStore
from application.ports.telemetry import NO_TELEMETRY, Telemetry
from domain.cases.case import Case, case_decider
from domain.cases.case_commands import CaseCommand
from domain.cases.case_events import CaseEvent
from domain.cases.engagement import (
    Engagement,
    EngagementCommand,
    EngagementEvent,
    engagement_decider,
)
from domain.cases.exhibit import Exhibit, ExhibitCommand, ExhibitEvent, exhibit_decider
from domain.cases.party import Party, PartyCommand, PartyEvent, party_decider
from domain.decider import Decider
from domain.discussions.comment import Comment, CommentCommand, CommentEvent, comment_decider
from domain.discussions.discussion import (
    Discussion,
    DiscussionCommand,
    DiscussionEvent,
    discussion_decider,
)
from domain.evidence.evidence import Evidence, EvidenceCommand, EvidenceEvent, evidence_decider
from domain.members.member import Member, MemberCommand, MemberEvent, member_decider
from domain.moderation.decision import (
    Decision,
    DecisionCommand,
    DecisionEvent,
    decision_decider,
)
from domain.moderation.flag import Flag, FlagCommand, FlagEvent, flag_decider
from domain.moderation.record import Record, RecordCommand, RecordEvent, record_decider
from domain.moderation.subject import Subject, SubjectCommand, SubjectEvent, subject_decider
from domain.operations.alert import Alert, AlertCommand, AlertEvent, alert_decider
from domain.operations.intervention import (
    Intervention,
    InterventionCommand,
    InterventionEvent,
    intervention_decider,
)
from domain.webhooks.delivery import (
    DeliveryCommand,
    DeliveryEvent,
    WebhookDelivery,
    delivery_decider,
)
from domain.webhooks.webhook import Registry, WebhookCommand, WebhookEvent, registry_decider

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

CaseExecutor = CommandExecutor[CaseCommand, Case, CaseEvent]
ExhibitExecutor = CommandExecutor[ExhibitCommand, Exhibit, ExhibitEvent]
PartyExecutor = CommandExecutor[PartyCommand, Party, PartyEvent]
EngagementExecutor = CommandExecutor[EngagementCommand, Engagement, EngagementEvent]
DiscussionExecutor = CommandExecutor[DiscussionCommand, Discussion, DiscussionEvent]
CommentExecutor = CommandExecutor[CommentCommand, Comment, CommentEvent]
EvidenceExecutor = CommandExecutor[EvidenceCommand, Evidence, EvidenceEvent]
FlagExecutor = CommandExecutor[FlagCommand, Flag, FlagEvent]
RecordExecutor = CommandExecutor[RecordCommand, Record, RecordEvent]
SubjectExecutor = CommandExecutor[SubjectCommand, Subject, SubjectEvent]
DecisionExecutor = CommandExecutor[DecisionCommand, Decision, DecisionEvent]
WebhookExecutor = CommandExecutor[WebhookCommand, Registry, WebhookEvent]
DeliveryExecutor = CommandExecutor[DeliveryCommand, WebhookDelivery, DeliveryEvent]
AlertExecutor = CommandExecutor[AlertCommand, Alert, AlertEvent]
InterventionExecutor = CommandExecutor[InterventionCommand, Intervention, InterventionEvent]
MemberExecutor = CommandExecutor[MemberCommand, Member, MemberEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executors:
    """The executor of each aggregate."""

    members: MemberExecutor
    cases: CaseExecutor
    exhibits: ExhibitExecutor
    parties: PartyExecutor
    engagements: EngagementExecutor
    evidence: EvidenceExecutor
    discussions: DiscussionExecutor
    comments: CommentExecutor
    flags: FlagExecutor
    records: RecordExecutor
    subjects: SubjectExecutor
    decisions: DecisionExecutor
    webhooks: WebhookExecutor
    alerts: AlertExecutor
    interventions: InterventionExecutor
    deliveries: DeliveryExecutor


def make_executors(
    stores: Mapping[str, EventStore],
    codec: EventCodec,
    clock: Clock,
    telemetry: Telemetry = NO_TELEMETRY,
) -> Executors:
    """Return the executors, each on the log of its context."""

    def on(log: str, decider: Decider[C, S, E]) -> CommandExecutor[C, S, E]:
        return CommandExecutor(decider, stores[log], codec, clock, telemetry)

    return Executors(
        members=on("members", member_decider),
        cases=on("cases", case_decider),
        exhibits=on("cases", exhibit_decider),
        parties=on("cases", party_decider),
        engagements=on("cases", engagement_decider),
        evidence=on("evidence", evidence_decider),
        discussions=on("discussions", discussion_decider),
        comments=on("discussions", comment_decider),
        flags=on("moderation", flag_decider),
        records=on("moderation", record_decider),
        subjects=on("moderation", subject_decider),
        decisions=on("moderation", decision_decider),
        webhooks=on("webhooks", registry_decider),
        alerts=on("operations", alert_decider),
        interventions=on("operations", intervention_decider),
        deliveries=on("webhooks", delivery_decider),
    )
