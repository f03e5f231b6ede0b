"""Record for the operator when members judge others, change their standing or leave."""

from application.engine.policy import Cause
from application.policy import KlarityPolicy
from application.security import (
    AccountReinstated,
    AccountsErased,
    AccountSuspended,
    AppealJudged,
    RemovedText,
    RoleChange,
    RoleChanged,
    SecurityEvent,
    SubjectJudged,
    TextRemoved,
)
from domain.actors import ContributorRole
from domain.cases.party import StatementErased
from domain.members.member import (
    MemberErased,
    MemberReinstated,
    MemberSuspended,
    RoleGranted,
    RoleRevoked,
    SuspensionRedacted,
    SuspensionUpheld,
)
from domain.moderation.decision import AppealResolved, DecisionMade, Outcome, ReasonRedacted
from domain.moderation.subject import SubjectKind

Removal = ReasonRedacted | StatementErased | SuspensionRedacted
Judgement = DecisionMade | AppealResolved | SuspensionUpheld | Removal
ChangeOfStanding = MemberSuspended | MemberReinstated | RoleGranted | RoleRevoked
REMOVED: dict[type[Removal], RemovedText] = {
    ReasonRedacted: RemovedText.REASON,
    StatementErased: RemovedText.STATEMENT,
    SuspensionRedacted: RemovedText.SUSPENSION,
}


class WhenPowerIsUsedThenRecordIt(KlarityPolicy):
    """After a failure, an event may be recorded twice."""

    name = "when-power-is-used-then-record-it"
    service = "members"

    def react(self, event: Judgement | ChangeOfStanding | MemberErased, cause: Cause) -> None:  # noqa: ARG002 - no command is issued
        match event:
            case StatementErased() if event.role is not ContributorRole.MODERATOR:
                pass  # the claim that it answered was retracted or erased
            case _ if isinstance(event, Judgement):
                self.dependencies.security.record(_of_moderation(event))
            case _ if isinstance(event, ChangeOfStanding):
                self.dependencies.security.record(_of_standing(event))
            case MemberErased():
                self.dependencies.security.count(AccountsErased)


def _of_moderation(event: Judgement) -> SecurityEvent:
    match event:
        case DecisionMade(subject_kind=kind, verdict=verdict):
            return SubjectJudged(subject_kind=kind, verdict=verdict)
        case AppealResolved(subject_kind=kind, outcome=outcome):
            return AppealJudged(subject_kind=kind, outcome=outcome)
        case SuspensionUpheld():
            return AppealJudged(subject_kind=SubjectKind.MEMBER, outcome=Outcome.UPHOLD)
        case _:
            return TextRemoved(removed=REMOVED[type(event)])


def _of_standing(event: ChangeOfStanding) -> SecurityEvent:
    match event:
        case RoleGranted(role=role):
            return RoleChanged(role=role, change=RoleChange.GRANTED)
        case RoleRevoked(role=role):
            return RoleChanged(role=role, change=RoleChange.REVOKED)
        case MemberSuspended():
            return AccountSuspended()
        case MemberReinstated():
            return AccountReinstated()
