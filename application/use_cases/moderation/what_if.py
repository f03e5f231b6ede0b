"""Replay the logs with another threshold or half-life, to see its effect. Changes nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from application.engine.builds import open_build
from application.engine.projector import Projector
from application.engine.whole_log import events_of
from application.ports.codec import EventCodec
from application.ports.history import History
from application.ports.read_models import Find, ReadModel, ReadModels
from application.queries.popular_cases import PopularCase, PopularCases
from domain.decider import Informed
from domain.moderation.decision import (
    AppealResolved,
    AppliedEvent,
    DecisionAppealed,
    DecisionMade,
    applying,
)
from domain.moderation.flag import FlagRaised, weighing
from domain.moderation.subject import (
    FlagWeighed,
    Subject,
    SubjectCommand,
    SubjectDecided,
    SubjectEvent,
    SubjectFacts,
    SubjectHidden,
    SubjectKind,
    SubjectRegistered,
    Verdict,
    subject_decider,
    subject_key,
)

COMMITS_A_READ = 1000


# Moderation: which subjects would flags have hidden?


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """A subject that flags would have hidden, and what moderators decided on it after that.

    ``verdict`` is that of the first decision since, or of the appeal against that decision.
    """

    kind: SubjectKind
    subject_id: str
    rule: str
    weight: float
    at: datetime
    decision_id: str = ""
    verdict: Verdict | None = None


class ModerationReplay:
    """Replays the moderation log with another threshold.

    ``missed`` counts the subjects that moderators hid before flags did. A subject that was really
    hidden received no further flags, except from moderators. With a higher threshold than the real
    one, the replay therefore shows fewer hidings than there would have been.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self.missed = 0
        self._subjects: defaultdict[str, Subject] = defaultdict(Subject)
        self._raised: dict[str, FlagRaised] = {}
        self._hidings: list[Hiding] = []
        self._last: dict[str, int] = {}

    @property
    def hidings(self) -> tuple[Hiding, ...]:
        """Oldest first."""
        return tuple(self._hidings)

    @property
    def right(self) -> int:
        """The number of hidings that moderators confirmed."""
        return sum(hiding.verdict is Verdict.HIDE for hiding in self._hidings)

    @property
    def undecided(self) -> int:
        return sum(hiding.verdict is None for hiding in self._hidings)

    @property
    def wrong(self) -> int:
        """The number of hidings that moderators reversed."""
        return len(self._hidings) - self.right - self.undecided

    def replay(self, event: object) -> None:
        match event:
            case SubjectRegistered():
                key = subject_key(event.subject_kind, event.subject_id)
                self._subjects[key] = subject_decider.evolve(self._subjects[key], event)
            case FlagRaised():
                self._raised[event.flag_id] = event
            case FlagWeighed():
                self._weigh(self._raised.pop(event.flag_id), event.weight)
            case DecisionMade() | DecisionAppealed() | AppealResolved():
                self._apply(event)

    def _weigh(self, event: FlagRaised, weight: float) -> None:
        key = subject_key(event.subject_kind, event.subject_id)
        facts = SubjectFacts(weight=weight, threshold=self.threshold)
        if _hides(self._follow(key, Informed(weighing(event, event.at), facts))):
            self._last[key] = len(self._hidings)
            self._hidings.append(_hiding(event, self._subjects[key].weight))

    def _apply(self, event: AppliedEvent) -> None:
        key = subject_key(event.subject_kind, event.subject_id)
        hidden_before = self._subjects[key].hidden
        events = self._follow(key, applying(event, event.at))
        self.missed += _hides(events) and not hidden_before
        decided = any(isinstance(each, SubjectDecided) for each in events)
        if decided and key in self._last and not isinstance(event, DecisionAppealed):
            self._judge(self._last[key], event.decision_id, event.verdict)

    def _follow(self, key: str, command: SubjectCommand) -> list[SubjectEvent]:
        """Decide with the real rules, and fold the events."""
        events = subject_decider.decide(command, self._subjects[key])
        for event in events:
            self._subjects[key] = subject_decider.evolve(self._subjects[key], event)
        return events

    def _judge(self, index: int, decision_id: str, verdict: Verdict) -> None:
        hiding = self._hidings[index]
        if hiding.decision_id in ("", decision_id):
            self._hidings[index] = replace(hiding, decision_id=decision_id, verdict=verdict)


def _hides(events: list[SubjectEvent]) -> bool:
    return any(isinstance(event, SubjectHidden) for event in events)


def _hiding(event: FlagRaised, weight: float) -> Hiding:
    return Hiding(
        kind=event.subject_kind,
        subject_id=event.subject_id,
        rule=event.rule,
        weight=weight,
        at=event.at,
    )


# Popularity: which cases would come first?


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedCase:
    """The rank of a case ``now`` and with the other half-life (``then``), from 1."""

    case_id: str
    title: str
    now: int
    then: int


class WhatIf:
    """Replays the logs. ``make_models`` makes temporary read models."""

    def __init__(
        self,
        history: History,
        codec: EventCodec,
        make_models: Callable[[], ReadModels],
        *,
        hide_at: float,
    ) -> None:
        self._history = history
        self._codec = codec
        self._make_models = make_models
        self._hide_at = hide_at

    def moderation(self, threshold: float | None = None) -> ModerationReplay:
        """Return what flags would have hidden with that threshold; None for the current one."""
        replay = ModerationReplay(self._hide_at if threshold is None else threshold)
        for event in self._events("moderation"):
            replay.replay(event)
        return replay

    def popular(self, half_life_days: float, top: int) -> list[RankedCase]:
        """Return the cases that are at the top now or would be, in the order they would have."""
        now, then = self._orders(PopularCases(), PopularCases(half_life_days))
        ranks = _ranks(now)
        standings = [
            RankedCase(case_id=case.case_id, title=case.title, now=ranks[case.case_id], then=rank)
            for rank, case in enumerate(then, 1)
        ]
        return [case for case in standings if min(case.now, case.then) <= top]

    def _orders(self, *services: PopularCases) -> list[list[PopularCase]]:
        """Return all public cases in the order of each service.

        The logs may grow meanwhile: they are read once, so that all services know the same cases.
        """
        models = [open_build(service, self._make_models(), 1) for service in services]
        projectors = [
            Projector(service, model, self._codec, self._history)
            for service, model in zip(services, models, strict=True)
        ]
        for log in PopularCases.topics:
            self._project(log, projectors)
        found = zip(services, models, strict=True)
        return [_all_of(service.ask(), model) for service, model in found]

    def _project(self, log: str, projectors: list[Projector[PopularCase]]) -> None:
        position = 0
        while events := self._history.read(log, position, COMMITS_A_READ):
            position = events[-1].position
            for projector in projectors:
                projector.handle(events, projector.checkpoint().moved(log, position))

    def _events(self, log: str) -> Iterator[object]:
        return map(self._codec.decode, events_of(self._history, log))


def _all_of(find: Find, model: ReadModel[PopularCase]) -> list[PopularCase]:
    return [row.document for row in model.find(find, limit=model.count(find) or 1)]


def _ranks(cases: list[PopularCase]) -> dict[str, int]:
    return {case.case_id: rank for rank, case in enumerate(cases, 1)}
