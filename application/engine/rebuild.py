"""Rebuild read models beside those that serve, compare them with their logs, and roll back.

``Rebuilds`` saves what an operator asks for. The process that projects carries it out, step by step
(see ``rebuild_steps``), whoever asked. ``Rebuilder`` waits for it, and does it where nobody else
projects.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from application.engine.builds import begun_by, own_builds
from application.engine.feed import QueryFeed
from application.engine.fingerprint import fingerprint
from application.engine.loop import LEASE_SECONDS, process_name
from application.engine.projections import Projections
from application.engine.query_service import QueryService
from application.engine.rebuild_steps import cancelled, not_rolled_back, retiring
from application.ports.checkpoints import Fenced
from application.ports.leases import Leases
from application.ports.read_models import ReadModels
from application.ports.rebuilds import Phase, RebuildState, Then

Change = Callable[[RebuildState], RebuildState]
Progress = Callable[[RebuildState], None]

LOOK_SECONDS = 0.2
WISHES = 20
"""How many wishes are remembered as taken."""


class RebuildRefused(Exception):
    """What was asked for is not possible now. The text says why, and what to do."""


class Rebuilds:
    """What an operator can ask for. Each function returns the state that follows.

    A wish that has an id is taken once, however often it is repeated. Each raises RebuildRefused.
    """

    def __init__(
        self, models: ReadModels, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._models = models
        self._now = now

    def state(self, service: QueryService[Any]) -> RebuildState:
        """Return what is known of the rebuild, the comparison and the kept build."""
        return self._models.rebuild(service.name)

    def begin(
        self,
        service: QueryService[Any],
        *,
        then: Then = Then.SWAP,
        events_a_second: float = 0.0,
        wish: str = "",
    ) -> RebuildState:
        """Begin a build of this program, and compare it with the live one before ``then``."""
        state = self.state(service)
        if wish in state.asked:
            return state
        self._must_be_idle(service, state)
        build = self._models.begin(service.name, fingerprint(service)).number

        def begun(before: RebuildState) -> RebuildState:
            self._must_be_idle(service, before)
            return RebuildState(
                phase=Phase.BUILDING,
                then=then,
                build=build,
                kept=before.kept,
                kept_until=before.kept_until,
                retired=retiring(before, before.build).retired,
                asked=before.asked,
                events_a_second=events_a_second,
                began_at=self._now(),
            )

        return self._change(service, begun, wish)

    def compare(
        self, service: QueryService[Any], *, events_a_second: float = 0.0, wish: str = ""
    ) -> RebuildState:
        """Fold the log again beside the live model, compare the two, and drop the new build."""
        return self.begin(service, then=Then.DROP, events_a_second=events_a_second, wish=wish)

    def throttle(
        self, service: QueryService[Any], events_a_second: float, *, wish: str = ""
    ) -> RebuildState:
        """Limit the speed of the rebuild in progress; 0 ends the limit."""

        def throttled(before: RebuildState) -> RebuildState:
            _must(before.in_progress, "No rebuild is in progress; begin one first.")
            return replace(before, events_a_second=events_a_second)

        return self._change(service, throttled, wish)

    def cancel(self, service: QueryService[Any], *, wish: str = "") -> RebuildState:
        """Drop the new build, which does not serve yet, or give up a roll back."""

        def without_it(before: RebuildState) -> RebuildState:
            if before.phase is Phase.ROLLING_BACK:
                return not_rolled_back(before, self._models.live_version(service.name))
            _must(before.in_progress, "No rebuild is in progress; there is nothing to cancel.")
            return cancelled(before)

        return self._change(service, without_it, wish)

    def swap(self, service: QueryService[Any], *, wish: str = "") -> RebuildState:
        """Let a build serve that was compared and held."""

        def swapping(before: RebuildState) -> RebuildState:
            _must(before.phase is Phase.HELD, "No build is held; begin a rebuild that holds.")
            return replace(before, phase=Phase.SWAPPING)

        return self._change(service, swapping, wish)

    def roll_back(self, service: QueryService[Any], *, wish: str = "") -> RebuildState:
        """Let the kept build serve again, and keep the present one. Twice, it goes forward."""

        def rolling_back(before: RebuildState) -> RebuildState:
            _must(not before.in_progress, "A rebuild is in progress; cancel it first.")
            kept = before.kept and before.kept in own_builds(service, self._models)
            _must(kept, "No earlier build of this program is kept; rebuild the read model instead.")
            return replace(before, phase=Phase.ROLLING_BACK)

        return self._change(service, rolling_back, wish)

    def _must_be_idle(self, service: QueryService[Any], state: RebuildState) -> None:
        own = begun_by(fingerprint(service), service, self._models)
        busy = state.build in own or state.phase is Phase.ROLLING_BACK
        _must(not busy, "A rebuild is in progress; wait until it is complete, or cancel it.")

    def _change(self, service: QueryService[Any], change: Change, wish: str = "") -> RebuildState:
        while True:
            before = self.state(service)
            if wish in before.asked:
                return before
            after = replace(
                change(before),
                revision=before.revision + 1,
                told_at=self._now(),
                asked=(*before.asked, wish)[-WISHES:] if wish else before.asked,
            )
            try:
                self._models.save_rebuild(service.name, after)
            except Fenced:
                continue
            return after


class Rebuilder:
    """Sees to it that what was asked for is done.

    ``others_project`` returns whether another process projects that takes no lease which this one
    could see.
    """

    def __init__(
        self,
        projections: Projections,
        leases: Leases,
        others_project: Callable[[], bool] = lambda: False,
    ) -> None:
        self.rebuilds = Rebuilds(projections.models, projections.now)
        self._projections = projections
        self._leases = leases
        self._others_project = others_project

    def complete(
        self, service: QueryService[Any], progress: Progress = lambda _: None
    ) -> RebuildState:
        """Return the state once nothing is left to do without the operator."""
        feed = QueryFeed(service, projections=self._projections, leases=self._leases)
        holder, alone = process_name(), False
        while (state := self.rebuilds.state(service)).is_moving:
            progress(state)
            alone = alone or not (self._is_own_live(service) and self._others_project())
            if not (alone and self._leads(feed, holder) and feed.step()):
                time.sleep(LOOK_SECONDS)
        self._leases.release(feed.lease, holder)
        progress(state)
        return state

    def _leads(self, feed: QueryFeed, holder: str) -> bool:
        return self._leases.acquire(feed.lease, holder, LEASE_SECONDS)

    def _is_own_live(self, service: QueryService[Any]) -> bool:
        """Return whether the processes that serve run this program."""
        models = self._projections.models
        return models.live_version(service.name) in own_builds(service, models)


def _must(holds: object, text: str) -> None:
    if not holds:
        raise RebuildRefused(text)
