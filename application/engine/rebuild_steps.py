"""Carry out what the state of a rebuild asks for, in the process that projects.

Every step can be repeated: a process that is killed leaves a state and a build with a checkpoint,
and the next one goes on from these. Only a comparison begins again.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from threading import RLock
from typing import Any, cast

from application.engine.builds import begun_by, covers, open_any
from application.engine.fingerprint import fingerprint
from application.engine.parity import Findings, Parity
from application.engine.projections import Projections
from application.engine.projector import Projector
from application.engine.query_service import QueryService
from application.engine.subscription import COMMITS_A_READ, Subscription
from application.ports.checkpoints import START, Checkpoint, Fenced
from application.ports.rebuilds import Phase, RebuildState, Then

log = logging.getLogger(__name__)

KEPT = timedelta(days=1)
"""How long a replaced build is kept up to date, so that an operator can roll back to it."""
RETIRED = 20
"""How many builds are remembered as dropped: a process that lags must not take one for new."""
TELL_SECONDS = 1.0
PAUSE_SECONDS = 0.2
"""How long a throttled step pauses at most, and how many seconds of events it handles at once."""
SMOOTHING = 0.3

Subscriptions = Mapping[int, Subscription]
Both = tuple[Subscription, Subscription]


class RebuildSteps:
    """The steps of the rebuilds of one query service. ``lock`` is held while events are handled."""

    def __init__(
        self,
        service: QueryService[Any],
        projections: Projections,
        lock: RLock,
        *,
        clock: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service = service
        self._projections = projections
        self._models = projections.models
        self._lock = lock
        self._clock = clock
        self._pause = pause
        self._paced = 0, 0.0, 0.0  # the build, its limit, and when its next step may begin
        self._told: tuple[int, float, int] | None = None  # the build, when, and events handled
        self._parity: tuple[tuple[int, int], Parity] | None = None

    def step(self, state: RebuildState, live: int, builds: Subscriptions) -> bool:
        """Take the next step with the builds of this program. Returns whether to go on at once."""
        if _is_expired(state, self._projections.now()):
            return self._save(state, _without_kept(state), told_at=state.told_at)
        if state.differences and _is_old(state, self._projections.now()):
            return self._save(state, replace(state, differences=()), told_at=state.told_at)
        if state.phase is Phase.ROLLING_BACK:
            return self._roll_back(state, live, builds)
        if state.build not in builds:
            return False
        if state.build < live:  # a newer program has begun another one since, which serves
            return self._save(state, cancelled(state))
        return self._step_of_build(state, live, builds)

    def _step_of_build(self, state: RebuildState, live: int, builds: Subscriptions) -> bool:
        match state.phase:
            case Phase.BUILDING:
                return self._build(state, live, builds[state.build])
            case Phase.COMPARING:
                return self._compare(state, live, builds)
            case Phase.SWAPPING:
                return self._switch(state, live, state.build, builds)
        return False

    # Build

    def _build(self, state: RebuildState, live: int, build: Subscription) -> bool:
        """Handle the next events, and go on to the comparison after the last one."""
        if (wait := self._wait(state)) > 0:
            self._pause(min(wait, PAUSE_SECONDS))
            return True
        goal, began = self._checkpoint(live), self._clock()
        before = handled_by(build.subscriber.checkpoint())
        more = build.catch_up(_commits_at_once(state.events_a_second))
        reached = build.subscriber.checkpoint()
        if state.events_a_second:
            next_at = began + (handled_by(reached) - before) / state.events_a_second
            self._paced = state.build, state.events_a_second, next_at
        if covers(reached, goal, self._service.topics):
            return self._save(state, self._built(state, live, handled_by(reached)))
        self._tell(state, before, handled_by(reached), began)
        return more or not build.unreadable()

    def _wait(self, state: RebuildState) -> float:
        """Return how many seconds to wait because of the limit, if it is still the same."""
        build, limit, next_at = self._paced
        same = (build, limit) == (state.build, state.events_a_second)
        return next_at - self._clock() if same else 0.0

    def _built(self, state: RebuildState, live: int, handled: int) -> RebuildState:
        told = replace(state, handled=handled, total=self._ends())
        return replace(told, phase=Phase.COMPARING) if self._is_own(live) else _compared(told)

    def _tell(self, state: RebuildState, before: int, handled: int, began: float) -> None:
        """Save the progress and the speed, every second."""
        now = self._clock()
        if self._told is None or self._told[0] != state.build:
            self._told = state.build, began, before
        _, told_at, then = self._told
        if (seconds := now - told_at) < TELL_SECONDS:
            return
        self._told = state.build, now, handled
        speed = _smooth(state.speed, (handled - then) / seconds)
        self._save(state, replace(state, handled=handled, total=self._ends(), speed=speed))

    def _ends(self) -> int:
        return sum(map(self._projections.history.last_position, self._service.topics))

    # Compare

    def _compare(self, state: RebuildState, live: int, builds: Subscriptions) -> bool:
        """Compare the next rows, while no event is handled."""
        if live not in builds:  # another program serves by now
            return self._save(state, _compared(state))
        both = builds[live], builds[state.build]
        parity = self._parity_of((live, state.build), both)
        if parity.prepare():
            return True
        with self._lock:
            before = self._common_position(both)
            if before is None:
                return True
            step = parity.step()
            if self._common_position(both) != before:  # another process projects by accident
                return True
        return self._save(state, _found(state, parity.findings, more=parity.take(step)))

    def _parity_of(self, numbers: tuple[int, int], both: Both) -> Parity:
        """Return the comparison of these builds, begun if this process has none."""
        if self._parity is None or self._parity[0] != numbers:
            live, rebuilt = (cast("Projector[Any]", each.subscriber).model for each in both)
            of = self._projections
            parity = Parity(self._service, (live, rebuilt), of.history, of.codec, of.keyed)
            self._parity = numbers, parity
        return self._parity[1]

    def _common_position(self, both: Both) -> Mapping[str, int] | None:
        """Return the positions that both builds have reached, or None if they differ.

        A build that is behind handles what the other one has handled first.
        """
        for topic in self._service.topics:
            reached = [each.subscriber.checkpoint().at(topic) for each in both]
            if reached[0] != reached[1]:
                events = self._projections.history.read(topic, min(reached), COMMITS_A_READ)
                for each in both if events else ():
                    each.accept(topic, events)
        one, other = (each.subscriber.checkpoint().positions for each in both)
        return one if one == other else None

    # Swap and roll back

    def _roll_back(self, state: RebuildState, live: int, builds: Subscriptions) -> bool:
        """Let the kept build serve, unless another program serves that cannot bring it forward."""
        if state.kept in builds:
            return self._switch(state, live, state.kept, builds)
        if self._is_own(live) and not self._is_own(state.kept):
            return self._save(state, not_rolled_back(state, live))
        return False

    def _switch(self, state: RebuildState, live: int, target: int, builds: Subscriptions) -> bool:
        """Let another build serve once it has come as far, and keep the one that served."""
        goal, build = self._checkpoint(live), builds[target]
        more = build.catch_up()
        if not covers(build.subscriber.checkpoint(), goal, self._service.topics):
            return more or not build.unreadable()
        kept = live if self._is_own(live) else 0
        switched = _switched(state, target, kept, self._projections.now() + KEPT)
        log.info("%s is answered from build %s", self._service.name, target)
        return self._save(state, switched, live=target)

    # The state

    def _save(
        self,
        before: RebuildState,
        after: RebuildState,
        *,
        live: int = 0,
        told_at: datetime | None = None,
    ) -> bool:
        """Save the state, unless it has changed meanwhile. Returns True: it is to be read again."""
        told_at = told_at or self._projections.now()
        told = replace(after, revision=before.revision + 1, told_at=told_at)
        with suppress(Fenced):
            self._models.save_rebuild(self._service.name, told, live=live)
        return True

    def _checkpoint(self, live: int) -> Checkpoint:
        return open_any(self._service, self._models, live).checkpoint() if live else START

    def _is_own(self, build: int) -> bool:
        return build in begun_by(fingerprint(self._service), self._service, self._models)


def cancelled(state: RebuildState) -> RebuildState:
    """Return the state in which the new build is dropped."""
    return _without_build(state, Phase.CANCELLED)


def not_rolled_back(state: RebuildState, live: int) -> RebuildState:
    """Return the state before a roll back was asked for: the kept build is older or newer."""
    return replace(state, phase=Phase.SWAPPED if state.kept < live else Phase.ROLLED_BACK)


def handled_by(checkpoint: Checkpoint) -> int:
    """Return how many events a build has handled."""
    return sum(checkpoint.positions.values())


def _is_expired(state: RebuildState, now: datetime) -> bool:
    return state.kept_until is not None and now >= state.kept_until and not state.is_moving


def _is_old(state: RebuildState, now: datetime) -> bool:
    """Return whether what differed is forgotten: it may name rows of members who were erased."""
    return state.told_at is not None and now >= state.told_at + KEPT


def _without_kept(state: RebuildState) -> RebuildState:
    return retiring(replace(state, kept=0, kept_until=None), state.kept)


def _without_build(state: RebuildState, phase: Phase) -> RebuildState:
    return retiring(replace(state, phase=phase, build=0), state.build)


def retiring(state: RebuildState, build: int) -> RebuildState:
    """Return the state in which a build is to be dropped, unless the number is 0."""
    return replace(state, retired=(*state.retired, build)[-RETIRED:]) if build else state


def _compared(state: RebuildState) -> RebuildState:
    """Return the state that follows the comparison."""
    match state.then:
        case Then.DROP:
            return _without_build(state, Phase.COMPARED)
        case Then.HOLD:
            return replace(state, phase=Phase.HELD)
        case Then.SWAP:
            return replace(state, phase=Phase.SWAPPING)


def _found(state: RebuildState, found: Findings, *, more: bool) -> RebuildState:
    told = replace(
        state,
        compared=found.compared,
        different=found.different,
        left_by_erasures=found.left_by_erasures,
        differences=tuple(found.named),
    )
    return told if more else _compared(replace(told, was_compared=True))


def _switched(state: RebuildState, live: int, kept: int, until: datetime) -> RebuildState:
    """Return the state after a swap, or after a roll back and forward again."""
    if state.kept != live:
        state = retiring(state, state.kept)
    phase = Phase.ROLLED_BACK if live < kept else Phase.SWAPPED
    return replace(state, phase=phase, build=0, kept=kept, kept_until=until if kept else None)


def _commits_at_once(events_a_second: float) -> int:
    """Return how many commits to handle at once, or 0 for as many as usual."""
    return min(COMMITS_A_READ, ceil(events_a_second * PAUSE_SECONDS))


def _smooth(before: float, measured: float) -> float:
    return measured if not before else before + SMOOTHING * (measured - before)
