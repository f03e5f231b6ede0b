"""Every executor of the system, by aggregate: what entrypoints and policies give commands to."""

from dataclasses import dataclass

from application.commands.executor import CommandExecutor
from domain.cases.case import Case, CaseCommand, CaseEvent
from domain.cases.engagement import Engagement, EngagementCommand, EngagementEvent
from domain.cases.exhibit import Exhibit, ExhibitCommand, ExhibitEvent
from domain.evidence.evidence import Evidence, EvidenceCommand, EvidenceEvent
from domain.members.member import Member, MemberCommand, MemberEvent

Cases = CommandExecutor[CaseCommand, Case, CaseEvent]
Exhibits = CommandExecutor[ExhibitCommand, Exhibit, ExhibitEvent]
Engagements = CommandExecutor[EngagementCommand, Engagement, EngagementEvent]
EvidenceItems = CommandExecutor[EvidenceCommand, Evidence, EvidenceEvent]
Members = CommandExecutor[MemberCommand, Member, MemberEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Executors:
    members: Members
    cases: Cases
    exhibits: Exhibits
    engagements: Engagements
    evidence: EvidenceItems
