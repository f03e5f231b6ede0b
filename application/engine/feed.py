"""Project events into the builds of one query service, and switch to a new build.

The first build of a program becomes live as soon as it has come as far as the live one. Each
program has a lease of its own and projects into its own builds only (see ``builds``), so an old and
a new program can run side by side. A replaced build is kept up to date until no process answers
from it any more, and is then dropped. What an operator rebuilds takes the steps of
``rebuild_steps``.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import RLock
from typing import Any, cast

from application.engine.answers import LOOK_UP_SECONDS
from application.engine.builds import (
    begin_build,
    begun_by,
    covers,
    lease_of,
    name_of,
    open_any,
    own_builds,
)
from application.engine.fingerprint import fingerprint
from application.engine.projections import Projections
from application.engine.projector import Projector
from application.engine.query_service import QueryService
from application.engine.rebuild_steps import RebuildSteps
from application.engine.subscription import Subscription
from application.ports.checkpoints import START, Checkpoint
from application.ports.leases import Leases
from application.ports.message_bus import Delivery
from application.ports.parked import ParkedEvents
from application.ports.read_models import ReadModels
from application.ports.rebuilds import NO_REBUILD, Phase

log = logging.getLogger(__name__)

PURGE_SECONDS = 300.0
"""How often a search index removes from its files what was erased. It writes many files again."""
# Longer than a process takes to notice that another build is live.
GRACE_SECONDS = 4 * LOOK_UP_SECONDS
# How long a program whose builds were replaced waits for the newer program to return.
ABANDONED_SECONDS = 60.0


class QueryFeed:
    """The subscriptions of this program's builds: the live one, one that is made, one that is kept.

    Of another program, at most one more is there at the same time.
    """

    def __init__(
        self,
        service: QueryService[Any],
        *,
        projections: Projections,
        leases: Leases,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._service = service
        self._projections = projections
        self._models = projections.models
        self._leases = leases
        self._clock = clock
        self._fingerprint = fingerprint(service)
        self._subscriptions: dict[int, Subscription] = {}  # by build, in the order of delivery
        self._live = 0
        self._state = NO_REBUILD
        self._handling = RLock()
        self._rebuild = RebuildSteps(service, projections, self._handling, clock=clock, pause=pause)
        self._replaced_at: dict[int, float] = {}
        self._unseen_since = clock()
        self._purged_at = clock()
        self.name = f"query.{service.name}"
        self.lease = lease_of(service, self._fingerprint)
        self.topics: Sequence[str] = service.topics
        self._load_builds()

    @property
    def handled(self) -> Mapping[str, int]:
        return self._newest.handled if self._subscriptions else {}

    @property
    def subscription(self) -> Subscription:
        """The subscription of the newest build."""
        return self._newest

    @property
    def _newest(self) -> Subscription:
        return next(iter(self._subscriptions.values()))

    def begin(self) -> None:
        """Start from the stored checkpoints, as the process that now holds the lease."""
        self._unseen_since = self._clock()
        self._remove_parked_of_dropped_builds()
        for subscription in self._subscriptions.values():
            subscription.begin()

    def make_due(self) -> None:
        for subscription in self._subscriptions.values():
            subscription.make_due()

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Handle messages from the bus in the builds that serve or have served.

        The live build comes first, so that it is never behind the one that it replaced. A build
        that still has to catch up reads from history only.
        """
        with self._handling:
            for number, subscription in self._subscriptions.items():
                if not self._is_catching_up(number):
                    subscription.deliver(deliveries)

    def save_checkpoint(self) -> bool:
        saved = [subscription.save_checkpoint() for subscription in self._subscriptions.values()]
        return all(saved)

    def lag(self) -> dict[str, int]:
        return self._newest.lag() if self._subscriptions else {}

    def positions(self) -> dict[str, int]:
        """Return by topic how far this process has come with the newest build."""
        return self._newest.positions() if self._subscriptions else {}

    def progress(self) -> Mapping[str, int]:
        return self._newest.progress() if self._subscriptions else {}

    def unreadable(self) -> Mapping[str, str]:
        return self._newest.unreadable() if self._subscriptions else {}

    def step(self) -> bool:
        """Handle new events in all builds, and take the next step to another live one.

        Returns whether to call it again at once.
        """
        self._load_builds()
        if not self._subscriptions and self._may_begin():
            begin_build(self._service, self._models)
            self._load_builds()
        more = self._rebuild.step(self._state, self._live, self._subscriptions)
        for number, subscription in list(self._subscriptions.items()):
            if not self._is_catching_up(number):
                more |= subscription.poll()
            elif number != self._state.build:
                more |= self._catch_up(number)
        if self._live in self._subscriptions:
            self._drop_replaced()
        self._purge()
        return more

    def settled(self) -> bool:
        """Return whether the newest build is live and those that it replaced are dropped."""
        return list(self._subscriptions) == [self._live] and not self._replaced()

    def _load_builds(self) -> None:
        """Load which builds exist and which is live: other processes change both."""
        self._state = self._models.rebuild(self._service.name)
        self._live = self._models.live_version(self._service.name)
        wanted = list(dict.fromkeys([*self._own(), *self._rebuilt()]))
        if wanted != list(self._subscriptions):
            kept = self._subscriptions
            self._subscriptions = {
                number: kept.get(number) or self._projections.open(self._service, number)
                for number in wanted
            }
            # A build may have been dropped while one of its events was being parked.
            self._remove_parked_of_dropped_builds()

    def _own(self) -> list[int]:
        """Return the builds of this program that no rebuild is about, the newest first.

        These are the newest one, the live one, and those that this process projects into already.
        """
        state = self._state
        apart = {state.build, state.kept, *state.retired} - {self._live}
        own = [one for one in own_builds(self._service, self._models) if one not in apart]
        wanted = [one for one in own if one in (own[-1], self._live, *self._subscriptions)]
        return wanted[::-1]

    def _rebuilt(self) -> Iterator[int]:
        """Yield the build of this program that is being made, and the one that is kept."""
        build, kept = self._state.build, self._state.kept
        begun = self._begun() if build or kept else ()
        if build in begun:
            yield build
        if kept in begun and kept in self._versions():
            yield kept

    def _begun(self) -> set[int]:
        return begun_by(self._fingerprint, self._service, self._models)

    def _versions(self) -> list[int]:
        return self._models.versions(self._service.name)

    def _is_catching_up(self, number: int) -> bool:
        """Return whether a build reads from history alone, until it has come far enough."""
        if number == self._state.build:
            return self._state.phase is Phase.BUILDING
        return number > self._live and number != self._state.kept

    def _catch_up(self, number: int) -> bool:
        """Let a new build catch up, and make it live once it has come as far as the live one."""
        before, subscription = self._live_checkpoint(), self._subscriptions[number]
        more = subscription.catch_up()
        if not covers(subscription.subscriber.checkpoint(), before, self.topics):
            return more or not subscription.unreadable()
        self._models.make_live(self._service.name, number)
        self._live = self._models.live_version(self._service.name)
        log.info("%s is answered from build %s", self._service.name, self._live)
        return more

    def _live_checkpoint(self) -> Checkpoint:
        if not self._live:
            return START
        return open_any(self._service, self._models, self._live).checkpoint()

    def _may_begin(self) -> bool:
        """Return whether this program may begin a build.

        It may if it is new here, or if the newer program that replaced its builds has disappeared.
        """
        programs, own = self._fingerprints(), self._fingerprint
        live = programs.get(self._live, own)
        is_new = own not in programs.values()
        return is_new or live == own or self._is_abandoned(live)

    def _is_abandoned(self, program: str) -> bool:
        """Return whether no process of that program has projected for a while."""
        now = self._clock()
        if self._is_projecting(program):
            self._unseen_since = now
        return now - self._unseen_since >= ABANDONED_SECONDS

    def _is_projecting(self, program: str) -> bool:
        """Return whether a process of that program holds its lease."""
        return self._leases.holder(lease_of(self._service, program)) is not None

    def _purge(self) -> None:
        """Remove what was erased from the files of a search index, every PURGE_SECONDS."""
        if self._clock() - self._purged_at < PURGE_SECONDS:
            return
        self._purged_at = self._clock()
        for subscription in self._subscriptions.values():
            cast("Projector[Any]", subscription.subscriber).purge()

    def _drop_replaced(self) -> None:
        """Drop replaced and retired builds, once no process answers from them any more."""
        now, replaced = self._clock(), self._replaced()
        self._replaced_at = {number: self._replaced_at.get(number, now) for number in replaced}
        for number, since in self._replaced_at.items():
            if now - since >= GRACE_SECONDS:
                open_any(self._service, self._models, number).drop()
                self._remove_parked_of_dropped_builds()
                self._load_builds()

    def _replaced(self) -> list[int]:
        """Return the retired builds, and those before the live one that nobody needs."""
        there = [number for number in self._versions() if number != self._live]
        known = self._fingerprints() if there else {}
        return [
            number
            for number in there
            if number in self._state.retired
            or (number < self._live and not self._is_needed(number, known))
        ]

    def _is_needed(self, number: int, known: Mapping[int, str]) -> bool:
        """Return whether another program projects into an earlier build, or it is kept."""
        own = self._fingerprint
        if known.get(number, own) != own:
            return self._is_projecting(known[number])
        return number == self._state.kept and known.get(self._live) == own

    def _remove_parked_of_dropped_builds(self) -> None:
        remove_parked_of_dropped_builds(self._service, self._models, self._projections.parked)

    def _fingerprints(self) -> dict[int, str]:
        return {
            build.number: build.fingerprint for build in self._models.builds(self._service.name)
        }


def remove_parked_of_dropped_builds(
    service: QueryService[Any], models: ReadModels, parked: ParkedEvents
) -> None:
    """Remove the parked events of dropped builds: no process would retry or drop them."""
    # List the events first: a build exists before its events are parked.
    found = [each for each in parked.list() if each.service == service.name]
    there = {name_of(service, version) for version in models.versions(service.name)}
    for each in found:
        if each.subscriber not in there:
            parked.remove(each.subscriber, each.event.id)
