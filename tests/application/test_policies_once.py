"""A model check: a policy takes effect once when events are repeated, delayed or taken over."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace

import pytest

from adapters.event_store.memory import MemoryEventStore
from application.engine.executor import CommandContext
from application.engine.subscription import Subscription
from application.ports.event_store import NewCommit, StoredCommit
from application.system import policy_types
from domain.actors import SYSTEM, Actor, Role
from domain.cases.case_commands import (
    AttachEvidence,
    CaseCommand,
    RetractEvidence,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.decider import DomainError, NothingChanged
from domain.discussions.discussion import DiscussionCommand, LockDiscussion, UnlockDiscussion
from domain.ids import CaseId, EvidenceId
from domain.members.member import (
    AppealSuspension,
    MemberCommand,
    RedactSuspension,
    SuspendMember,
    UpholdSuspension,
)
from domain.moderation.decision import Outcome
from domain.moderation.subject import SubjectKind, Verdict
from domain.operations.alert import AlertId, ReportTrouble, ResolveAlert, Severity, Trouble
from domain.operations.intervention import Action, BeginIntervention, InterventionId, Target
from domain.webhooks.webhook import REGISTRY, AddWebhook, WebhookId
from tests.application import community
from tests.application.community import DISMISS, HIDE, RESTORE, moderator
from tests.application.mortal import Died
from tests.world import Handled, World

CASE = CaseId("c1")
ALERT = AlertId("bus:monitor")


@dataclass
class Town:
    """The people of the stories, and what they do in a few words; rules may refuse it."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.anna = self.world.member("Anna")
        self.cora = self.world.member("Cora")
        self.mo, self.ada, self.max = (moderator(self.world, name) for name in ("Mo", "Ada", "Max"))

    def a_public_case(self) -> None:
        self.world.report(self.anna, self.world.evidence(self.anna))

    def contributions(self) -> None:
        community.say(self.world, self.cora)
        community.name_party(self.world, self.cora)

    def on_case(self, command: CaseCommand) -> None:
        self.world.executors.cases.execute(CASE, command, CommandContext())

    def attach(self, item: str, by: Actor) -> None:
        evidence = (self.world.evidence(by, item),)
        self.on_case(AttachEvidence(evidence=evidence, by=by, at=self.world.clock()))

    def retract(self, item: str, by: Actor) -> None:
        evidence = EvidenceId(item)
        self.on_case(RetractEvidence(evidence_id=evidence, by=by, at=self.world.clock()))

    def tag(self, tag: str) -> None:
        self.on_case(TagCase(tag=tag, by=self.anna, at=self.world.clock()))

    def untag(self, tag: str) -> None:
        self.on_case(UntagCase(tag=tag, by=self.anna, at=self.world.clock()))

    def withdraw(self) -> None:
        self.on_case(WithdrawCase(by=self.anna, at=self.world.clock()))

    def in_discussion(self, command: DiscussionCommand) -> None:
        self.world.executors.discussions.execute(CASE, command, CommandContext())

    def lock(self) -> None:
        self.in_discussion(LockDiscussion(by=self.mo, at=self.world.clock()))

    def unlock(self) -> None:
        self.in_discussion(UnlockDiscussion(by=self.mo, at=self.world.clock()))

    def add_webhook(self, tag: str) -> None:
        url = f"https://{tag}.example"
        command = AddWebhook(
            webhook_id=WebhookId(tag), url=url, tag=tag, by=SYSTEM, at=self.world.clock()
        )
        self.world.executors.webhooks.execute(REGISTRY, command, CommandContext())

    def trouble(self, severity: Severity) -> None:
        command = ReportTrouble(
            alert_id=ALERT,
            trouble=Trouble.BUS,
            subject="monitor",
            severity=severity,
            text="The bus is away.",
            by=SYSTEM,
            at=self.world.clock(),
        )
        self.world.executors.alerts.execute(ALERT, command, CommandContext())

    def resolve(self) -> None:
        command = ResolveAlert(by=SYSTEM, at=self.world.clock())
        self.world.executors.alerts.execute(ALERT, command, CommandContext())

    def report_a_tagged_case(self) -> None:
        self.world.report(self.anna, self.world.evidence(self.anna), tags=("police",))

    def flag(self, kind: SubjectKind, key: str, *by: Actor) -> None:
        community.flag(self.world, kind, key, *by)

    def decide(
        self, kind: SubjectKind, key: str, by: Actor, verdict: Verdict, decision: str
    ) -> None:
        community.decide(self.world, kind, key, by, verdict, decision_id=decision)

    def appeal(self, by: Actor, decision: str) -> None:
        community.appeal(self.world, by, decision)

    def overturn(self, by: Actor, decision: str) -> None:
        community.resolve(self.world, by, Outcome.OVERTURN, decision)

    def dispute(self) -> None:
        community.dispute(self.world)

    def on_member(self, member: Actor, command: MemberCommand) -> None:
        self.world.executors.members.execute(member.member_id, command, CommandContext())

    def suspend(self) -> None:
        at = self.world.clock()
        self.on_member(self.cora, SuspendMember(reason="Adverts.", by=self.mo, at=at))

    def redact_suspension(self) -> None:
        self.on_member(self.cora, RedactSuspension(by=self.mo, at=self.world.clock()))

    def uphold_suspension(self) -> None:
        at = self.world.clock()
        self.on_member(self.cora, AppealSuspension(statement="No.", by=self.cora, at=at))
        self.on_member(self.cora, UpholdSuspension(by=self.ada, at=at))

    def redact(self, decision: str) -> None:
        self.world.moderate.redact(decision, self.mo, CommandContext(), of_outcome=False)

    def erase_statement(self) -> None:
        community.erase_statement(self.world, self.mo)

    def operate(self) -> None:
        """An operator drops an event; the process dies before that takes effect."""
        command = BeginIntervention(
            intervention_id=InterventionId("i1"),
            action=Action.DROP,
            subject="cases",
            targets=(Target(subscriber="cases.1", event_id="cases/case-c1@1"),),
            operator="Olga",
            reason="It cannot be read.",
            by=replace(self.cora, roles=frozenset({Role.OPERATOR})),
            at=self.world.clock(),
        )
        self.world.executors.interventions.execute("i1", command, CommandContext())

    def erase(self, member: Actor) -> None:
        community.ask_to_be_erased(self.world, member)


Deed = Callable[[Town], None]
SUBJECTS = {
    SubjectKind.CASE: "c1",
    SubjectKind.EVIDENCE: "e1",
    SubjectKind.COMMENT: "k1",
    SubjectKind.PARTY: "p1",
    SubjectKind.MEMBER: "member-Cora",
}


def of(town: Town, kind: SubjectKind) -> Actor:
    """The author of the thing."""
    return town.anna if kind in (SubjectKind.CASE, SubjectKind.EVIDENCE) else town.cora


def moderated(kind: SubjectKind) -> list[Deed]:
    """Flags hide it, moderators do too, an appeal restores it, and so on."""
    key = SUBJECTS[kind]
    return [
        Town.a_public_case,
        Town.contributions,
        lambda town: town.flag(kind, key, town.mo),
        lambda town: town.decide(kind, key, town.ada, HIDE, "d1"),
        lambda town: town.appeal(of(town, kind), "d1"),
        lambda town: town.overturn(town.max, "d1"),
        lambda town: town.flag(kind, key, town.ada),
        lambda town: town.decide(kind, key, town.mo, HIDE, "d2"),
        lambda town: town.decide(kind, key, town.max, RESTORE, "d3"),
        lambda town: town.flag(kind, key, town.max),
        lambda town: town.decide(kind, key, town.mo, DISMISS, "d4"),
    ]


def withheld_while_awaiting() -> list[Deed]:
    """What others contributed is verified and withheld while nothing else backs the case."""

    def contribute_and_retract(town: Town) -> None:
        town.attach("e2", town.cora)
        town.retract("e1", town.anna)

    return [
        Town.a_public_case,
        contribute_and_retract,
        lambda town: town.flag(SubjectKind.EVIDENCE, "e2", town.mo),
        lambda town: town.attach("e3", town.anna),
        lambda town: town.decide(SubjectKind.EVIDENCE, "e2", town.ada, HIDE, "d1"),
    ]


def hidden_while_withheld() -> list[Deed]:
    kind = SubjectKind.EVIDENCE
    return [
        Town.a_public_case,
        lambda town: town.decide(SubjectKind.CASE, "c1", town.mo, HIDE, "d1"),
        lambda town: town.flag(kind, "e1", town.mo),
        lambda town: town.decide(SubjectKind.CASE, "c1", town.mo, RESTORE, "d2"),
        lambda town: town.decide(kind, "e1", town.ada, RESTORE, "d3"),
        Town.lock,
        Town.withdraw,
        Town.unlock,
    ]


def delivered_to_webhooks() -> list[Deed]:
    return [
        lambda town: town.add_webhook("police"),
        lambda town: town.add_webhook("health"),
        Town.report_a_tagged_case,
        lambda town: town.tag("health"),
        lambda town: town.untag("police"),
        lambda town: town.retract("e1", town.anna),
        lambda town: town.attach("e2", town.anna),
    ]


def alerted() -> list[Deed]:
    return [
        lambda town: town.trouble(Severity.CRITICAL),
        lambda town: town.trouble(Severity.WARNING),
        Town.resolve,
        lambda town: town.trouble(Severity.WARNING),
    ]


def rejected() -> list[Deed]:
    def report_with_what_is_unsafe(town: Town) -> None:
        town.world.unsafe["e1"] = "It is damaged."
        town.a_public_case()

    return [
        report_with_what_is_unsafe,
        lambda town: town.attach("e2", town.anna),
        Town.withdraw,
    ]


def erased() -> list[Deed]:
    return [
        Town.a_public_case,
        Town.contributions,
        Town.operate,
        lambda town: town.flag(SubjectKind.CASE, "c1", town.cora, town.mo),
        lambda town: town.erase(town.cora),
        lambda town: town.world.vault.destroy(town.cora.member_id),
        lambda town: town.decide(SubjectKind.CASE, "c1", town.ada, DISMISS, "d1"),
        lambda town: town.erase(town.anna),
        lambda town: town.world.vault.destroy(town.anna.member_id),
    ]


def taken_back() -> list[Deed]:
    kind = SubjectKind.DISPUTE
    return [
        Town.a_public_case,
        Town.contributions,
        Town.dispute,
        lambda town: town.flag(kind, "s1", town.mo),
        lambda town: town.decide(kind, "s1", town.ada, HIDE, "d1"),
        lambda town: town.redact("d1"),
        lambda town: town.decide(kind, "s1", town.ada, RESTORE, "d2"),
        Town.erase_statement,
        Town.suspend,
        Town.redact_suspension,
        Town.uphold_suspension,
    ]


STORIES: dict[str, list[Deed]] = {
    **{f"a {kind} moderated": moderated(kind) for kind in SUBJECTS},
    "taken back": taken_back(),
    "withheld while awaiting": withheld_while_awaiting(),
    "hidden while withheld": hidden_while_withheld(),
    "told to webhooks": delivered_to_webhooks(),
    "alerted": alerted(),
    "rejected": rejected(),
    "erased": erased(),
}


ALL = {kind.name for kind in policy_types()}
PROMPT = {kind.name for kind in policy_types() if kind.service == "moderation"}
BEGINNING = 2


def play(story: list[Deed], town: Town, *, backlog: bool = False) -> Iterator[Town]:
    """The town after each step. In a backlog all policies but those of moderation are paused after
    the beginning, and find all that happened at the end; then some deeds are refused."""
    for number, deed in enumerate(story):
        town.world.clock.wind(minutes=1)
        with suppress(DomainError) if backlog else nullcontext():
            deed(town)
        some = PROMPT if backlog and number >= BEGINNING else ALL
        let_settle([policy for policy in town.world.policies if policy.name in some])
        yield town
    let_settle(town.world.policies)
    yield town


def let_settle(policies: list[Subscription]) -> None:
    while [policy for policy in policies if goes_on(policy)]:
        pass


def goes_on(policy: Subscription) -> bool:
    """Whether there is more to do. A worker that dies is followed by another."""
    try:
        return policy.catch_up()
    except Died:
        policy.begin()
        return True


at_once_or_later = pytest.mark.parametrize("backlog", [False, True], ids=["at once", "later"])


@at_once_or_later
@pytest.mark.parametrize("story", STORIES)
def test_handling_an_event_again_appends_nothing(story: str, backlog: bool) -> None:
    moments: list[dict[str, int]] = []
    for town in play(STORIES[story], Town(), backlog=backlog):
        moments.append(town.world.last_positions())
        for handled in list(town.world.handled):
            for ends in (handled.ends, *moments):
                if all(ends[log] >= handled.ends[log] for log in ends):
                    town.world.handle_again(handled, ends)


class Deadly(MemoryEventStore):
    """A log that costs a policy's worker its life each time that it appends something."""

    def append(self, commit: NewCommit) -> StoredCommit:
        stored = super().append(commit)
        if b'"causation":' in commit.body:
            raise Died
        return stored


@at_once_or_later
@pytest.mark.parametrize("story", STORIES)
def test_a_story_has_the_same_ending_when_workers_are_killed(story: str, backlog: bool) -> None:
    *_, safe = play(STORIES[story], Town(), backlog=backlog)
    *_, deadly = play(STORIES[story], Town(World(make_store=Deadly)), backlog=backlog)
    assert ending(deadly.world) == ending(safe.world)
    assert deadly.world.parked.list() == []


def ending(world: World) -> dict[str, list[object]]:
    """What happened, by stream; nothing that did not."""
    streams = defaultdict[str, list[object]](list)
    for log in world.stores:
        for recorded in world.history.read(log, 0, 1000):
            event = world.codec.decode(recorded)
            if not isinstance(event, NothingChanged):
                streams[recorded.stream].append(event)
    return streams


@pytest.fixture(scope="module")
def handled() -> list[Handled]:
    """What the policies handle in all stories."""
    towns = [list(play(story, Town()))[-1] for story in STORIES.values()]
    return [each for town in towns for each in town.world.handled]


def test_every_policy_handles_an_event_of_a_story(handled: list[Handled]) -> None:
    """A new policy needs a story in which what it handles could matter again."""
    idle = set(policy_types()) - {each.policy for each in handled}
    assert not idle, "add a deed to STORIES that causes an event; if it is 'parked', they failed"


def test_a_policy_commands_its_own_context_only(handled: list[Handled]) -> None:
    strange = {
        (each.policy.name, log)
        for each in handled
        for log in each.appended_to - {each.policy.service}
    }
    assert not strange, "give the command in a policy whose service is that context"
