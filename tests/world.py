"""A whole Klarity in memory, without threads: it moves only when a test lets it settle."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import pytest
from dependency_injector import providers

from adapters.credentials.argon2 import Argon2Passphrases
from adapters.event_store.memory import MemoryEventStore
from adapters.read_models.memory import MemoryReadModels
from adapters.read_models.routed import RoutedReadModels
from application.engine.answers import NotCaughtUp
from application.engine.builds import begin_build, open_build, own_builds
from application.engine.derived_ids import keyed_id
from application.engine.executor import CommandContext
from application.engine.policy import PolicySubscriber
from application.engine.projections import Projections
from application.engine.query_service import QueryService, Viewer
from application.engine.subscription import Subscription
from application.executors import DecisionExecutor, Executors, make_executors
from application.policy import KlarityPolicy, PolicyDependencies
from application.ports.codec import RecordedEvent
from application.ports.event_store import NewCommit, StoredCommit
from application.ports.read_models import ReadModel
from application.system import CONTEXTS, policy_types, query_services
from application.use_cases.evidence.erase import EraseMedia
from application.use_cases.moderation.moderate import Moderate
from config.container import Container, answers_for
from config.settings import Settings, read_settings
from config.use_cases import UseCases
from domain.actors import SYSTEM, Actor, Role
from domain.cases.case_commands import CaseFacts, ReportCase
from domain.cases.case_details import CaseDetails
from domain.decider import DomainError, Informed
from domain.evidence.evidence import (
    BeginSanitising,
    EvidenceReceived,
    MakeAvailable,
    ReceiveEvidence,
    RejectEvidence,
)
from domain.ids import CaseId, EvidenceId, MediaKind, MemberId
from domain.members.member import RegisterMember
from tests.memory_search import MemorySearchIndex


@cache
def settings_in_memory() -> Settings:
    """Settings that choose the adapters in memory."""
    chosen = {"EVENT_STORE": "memory", "SECRET": "a secret of the tests, long enough"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in chosen.items():
            patch.setenv(f"KLARITY_{name}", value)
        return read_settings()


@cache
def cheap_passphrases() -> Argon2Passphrases:
    return Argon2Passphrases(time_cost=1, memory_cost=8, parallelism=1)


def new_models() -> RoutedReadModels:
    """Empty read models in memory."""
    return RoutedReadModels(MemoryReadModels(), MemorySearchIndex())


START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that a test winds."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def wind(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass(frozen=True)
class Handled:
    """An event that a policy has handled, where the logs ended when it began to, and the logs that
    it appended to."""

    policy: type[KlarityPolicy]
    event: RecordedEvent
    ends: Mapping[str, int]
    appended_to: frozenset[str]


@dataclass
class World:
    """The whole system in memory, with short commands to drive it."""

    clock: Clock = field(default_factory=Clock)
    make_store: Callable[[str], MemoryEventStore] = MemoryEventStore

    def __post_init__(self) -> None:
        self.stores = {log: self.make_store(log) for log in CONTEXTS}
        made = self.container = Container(
            settings=settings_in_memory(),
            clock=providers.Object(self.clock),
            stores=providers.Object(self.stores),
            passphrases=providers.Object(cheap_passphrases()),
            # No media are kept here: the policies that would keep some have stand-ins below.
            media=providers.Object(None),
            workrooms=providers.Object(SimpleNamespace(room=None)),
        )
        self.vault, self.codec, self.wire = made.vault(), made.codec(), made.wire_format()
        self.history, self.parked = made.history(), made.parked()
        self.keyed = partial(keyed_id, made.keys().models)
        self.checkpoints, self.executors = made.checkpoints(), made.executors()
        self.use_cases = use_cases = UseCases(made)
        self.engage, self.enrich = use_cases.engage, use_cases.enrich
        self.discuss, self.moderate = use_cases.discuss, use_cases.moderate
        self.forgotten: list[str] = []
        self.without_media: list[str] = []
        self.unsafe: dict[str, str] = {}
        self.handled: list[Handled] = []
        self.policies = [self._policy(kind) for kind in policy_types()]
        self.build_read_models()

    def moderation_with(self, decisions: DecisionExecutor) -> Moderate:
        """Moderation, with an executor of decisions that a test may hold up."""
        do = self.executors
        return Moderate(
            do.flags,
            do.records,
            do.subjects,
            decisions,
            self.use_cases.visibility,
            authorship=self.use_cases.authorship,
            key=bytes(32),
            clock=self.clock,
        )

    def build_read_models(self) -> None:
        """Begin with empty read models, as after a start."""
        self.models = new_models()
        queries = [self._query(service) for service in query_services()]
        self.subscriptions = [*self.policies, *queries]
        self.answers = answers_for(self.models, self.history, self.codec)
        for answers in self.answers.values():
            with suppress(NotCaughtUp):
                answers.must_be_caught_up()

    def settle(self) -> None:
        """Let all subscribers handle all events, and those that follow from them."""
        moved = True
        while moved:
            found = [subscription.catch_up() for subscription in self.subscriptions]
            moved = any(found)

    def member(self, pseudonym: str = "Anna", *roles: Role) -> Actor:
        member_id = MemberId(f"member-{pseudonym}")
        command = RegisterMember(
            member_id=member_id, pseudonym=pseudonym, by=SYSTEM, at=self.clock()
        )
        self.executors.members.execute(member_id, command, CommandContext(new=True))
        return Actor(member_id=member_id, pseudonym=pseudonym, roles=frozenset(roles))

    def viewer(self, actor: Actor) -> Viewer:
        """The member who asks, with what they need to find what is theirs."""
        made = self.container
        return Viewer(actor, made.aliases().is_own, keyed=partial(keyed_id, made.keys().requests))

    def is_erased(self, member_id: str) -> bool:
        return self.use_cases.accounts.is_erased(member_id)

    def evidence(
        self, owner: Actor, name: str = "e1", kind: MediaKind = MediaKind.VIDEO
    ) -> EvidenceId:
        """Evidence that was received, and will be found safe to show."""
        evidence_id = EvidenceId(name)
        command = ReceiveEvidence(
            evidence_id=evidence_id,
            kind=kind,
            salt="01" * 32,
            original_sha256="ab" * 32,
            by=owner,
            at=self.clock(),
        )
        self.executors.evidence.execute(evidence_id, command, CommandContext(new=True))
        return evidence_id

    def report(
        self,
        author: Actor,
        *evidence: EvidenceId,
        case_id: str = "c1",
        title: str = "A permit for a bribe",
        story: str = "They asked for money.",
        delay: timedelta = timedelta(0),
        **more: Any,
    ) -> CaseId:
        details = CaseDetails(title=title, story=story)
        command = ReportCase(
            case_id=CaseId(case_id),
            details=details,
            evidence=evidence,
            by=author,
            at=self.clock(),
            **more,
        )
        informed = Informed(command, CaseFacts(delay=delay))
        self.executors.cases.execute(case_id, informed, CommandContext(new=True))
        return CaseId(case_id)

    def public_case(self, author: Actor, case_id: str = "c1", **more: Any) -> CaseId:
        """A case with evidence, that has settled."""
        case = self.report(author, self.evidence(author, f"e-{case_id}"), case_id=case_id, **more)
        self.settle()
        return case

    def last_positions(self) -> dict[str, int]:
        """The last position of each log."""
        return {log: store.last_position() for log, store in self.stores.items()}

    def dependencies(self, executors: Executors) -> PolicyDependencies:
        return replace(
            UseCases(self.container, executors).policy_dependencies,
            sanitise=partial(self.sanitise, executors),
            forget_member=self.forgotten.append,
            erase_media=self.erase_media,
            hide_at=1.0,
        )

    def erase_media(self, member_id: str) -> None:
        """Erase a member's evidence, of which no media are stored here."""
        self.without_media.append(member_id)
        nothing: Any = SimpleNamespace(give_up_erased=lambda: None, destroy=lambda _: None)
        erase = EraseMedia(
            self.use_cases.contributions,
            uploads=nothing,
            destroy=nothing.destroy,
            evidence=self.executors.evidence,
            clock=self.clock,
        )
        erase(member_id)

    def handle_again(self, handled: Handled, ends: Mapping[str, int]) -> None:
        """Let a policy handle an event once more, which must change nothing: by a worker that had
        loaded streams when the logs ended there."""
        stores = {log: Paused(store, ends[log]) for log, store in self.stores.items()}
        policy = handled.policy(self.dependencies(make_executors(stores, self.codec, self.clock)))
        before = self.last_positions()
        PolicySubscriber(policy, self.codec, self.checkpoints).react(handled.event)
        assert self.last_positions() == before, (
            f"{policy.name} took effect again on {handled.event.id}"
        )

    def _policy(self, kind: type[KlarityPolicy]) -> Subscription:
        policy = kind(self.dependencies(self.executors))
        return self.subscription(Watched(policy, self))

    def _query(self, service: Any) -> Subscription:
        return self.projections().open(service, self.newest_build(service))

    def projections(self) -> Projections:
        return Projections(
            models=self.models,
            history=self.history,
            codec=self.codec,
            wire=self.wire,
            parked=self.parked,
            now=self.clock,
            keyed=self.keyed,
        )

    def newest_build(self, service: QueryService[Any]) -> int:
        """The newest build of the service's read model, begun where there is none."""
        return max(own_builds(service, self.models), default=0) or begin_build(service, self.models)

    def model(self, service: QueryService[Any]) -> ReadModel[Any]:
        """The newest build of the service's read model, to look into."""
        return open_build(service, self.models, self.newest_build(service))

    def subscription(self, subscriber: Any) -> Subscription:
        return Subscription(subscriber, self.history, self.wire, self.parked, now=self.clock)

    def sanitise(
        self,
        executors: Executors,
        received: EvidenceReceived,
        context: Callable[[str], CommandContext],
        within: float | None = None,
    ) -> None:
        """All evidence is safe to show, but for what ``unsafe`` holds a reason against."""
        begin = BeginSanitising(by=SYSTEM, at=self.clock())
        executors.evidence.execute(received.evidence_id, begin, context("begin"))
        verdict: MakeAvailable | RejectEvidence = MakeAvailable(
            media_type="video/mp4", sha256="cd" * 32, size=900, by=SYSTEM, at=self.clock()
        )
        if reason := self.unsafe.get(received.evidence_id):
            verdict = RejectEvidence(reason=reason, by=SYSTEM, at=self.clock())
        executors.evidence.execute(received.evidence_id, verdict, context("verdict"))


class Paused(MemoryEventStore):
    """A log for a worker that was paused after it had loaded what it needed; it appends to the log
    as that is now. A stream that it loads once more it gets as it is now."""

    def __init__(self, store: MemoryEventStore, end: int) -> None:
        super().__init__(store.log)
        self._store, self._end = store, end
        self._loaded: set[str] = set()

    def append(self, commit: NewCommit) -> StoredCommit:
        return self._store.append(commit)

    def load(self, stream: str, *, upto: int | None = None) -> list[StoredCommit]:
        commits = self._store.load(stream, upto=upto)
        if stream in self._loaded:
            return commits
        self._loaded.add(stream)
        return [commit for commit in commits if commit.position <= self._end]


class Watched(PolicySubscriber):
    """Notes what its policy has handled."""

    def __init__(self, policy: KlarityPolicy, world: World) -> None:
        super().__init__(policy, world.codec, world.checkpoints)
        self._kind = type(policy)
        self._world = world

    def react(self, event: RecordedEvent, seconds: float | None = None) -> None:
        before = self._world.last_positions()
        super().react(event, seconds)
        if self.concerns(event):
            after = self._world.last_positions()
            grown = frozenset(log for log in after if after[log] > before[log])
            self._world.handled.append(Handled(self._kind, event, before, grown))


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """The rules refuse what happens here, with this code."""
    with pytest.raises(DomainError) as refusal:
        yield refusal
    assert refusal.value.code == code
