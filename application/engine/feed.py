"""Feeds the builds of one query service, and lets a new one serve when it covers the old one.

A build belongs to the program that its fingerprint names. Each program feeds its own builds under a
lease of its own, so that an old one and a new one can run side by side; the later build serves. A
build that was replaced is fed on until nobody answers from it any more, and then dropped.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from application.engine.answers import LOOK_UP_SECONDS
from application.engine.builds import (
    begin_build,
    covers,
    lease_of,
    name_of,
    own_builds,
)
from application.engine.fingerprint import fingerprint
from application.engine.query_service import QueryService
from application.engine.subscription import Subscription
from application.ports.checkpoints import START, Checkpoint
from application.ports.leases import Leases
from application.ports.message_bus import Delivery
from application.ports.parked import ParkedEvents
from application.ports.read_models import ReadModel, ReadModels

log = logging.getLogger(__name__)

# Longer than those who answer from a build take to see that another is live.
GRACE_SECONDS = 4 * LOOK_UP_SECONDS
# So long a program whose builds were replaced waits for the newer program to come back.
ABANDONED_SECONDS = 60.0


class QueryFeed:
    """The projections of one program into its builds: as a rule one, two while it is rebuilt."""

    def __init__(
        self,
        service: QueryService[Any],
        *,
        models: ReadModels,
        parked: ParkedEvents,
        leases: Leases,
        open_projection: Callable[[QueryService[Any], int], Subscription],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._models = models
        self._parked = parked
        self._leases = leases
        self._open = open_projection
        self._clock = clock
        self._fingerprint = fingerprint(service)
        self._fed: dict[int, Subscription] = {}  # the newest first
        self._live = 0
        self._replaced_at: dict[int, float] = {}
        self._led_at = clock()
        self.name = f"query.{service.name}"
        self.lease = lease_of(service, self._fingerprint)
        self.topics: Sequence[str] = service.topics
        self._look()

    @property
    def handled(self) -> Mapping[str, int]:
        return self._newest.handled if self._fed else {}

    @property
    def subscription(self) -> Subscription:
        """The one into the newest build."""
        return self._newest

    @property
    def _newest(self) -> Subscription:
        return next(iter(self._fed.values()))

    def begin(self) -> None:
        """Take the lead among the processes of this program."""
        self._led_at = self._clock()
        forget_dropped(self._service, self._models, self._parked)
        for subscription in self._fed.values():
            subscription.begin()

    def hurry(self) -> None:
        for subscription in self._fed.values():
            subscription.hurry()

    def deliver(self, deliveries: Sequence[Delivery]) -> None:
        """Hand what the bus brings to the builds that are asked. The newest comes first, so that it
        is never behind the one that it replaces."""
        for number, subscription in self._fed.items():
            if number <= self._live:
                subscription.deliver(deliveries)

    def note(self) -> bool:
        noted = [subscription.note() for subscription in self._fed.values()]
        return all(noted)

    def behind(self) -> dict[str, int]:
        return self._newest.behind() if self._fed else {}

    def waits(self) -> Mapping[str, str]:
        return self._newest.waits() if self._fed else {}

    def step(self) -> bool:
        """Feed the builds, and let the newest serve as soon as it covers the one that does.

        Returns whether there is more to do at once.
        """
        self._look()
        if not self._fed and self._may_begin():
            begin_build(self._service, self._models)
            self._look()
        more = False
        for number, subscription in list(self._fed.items()):
            more |= self._catch_up(number) if number > self._live else subscription.tend()
        if self._live in self._fed:
            self._drop_replaced()
        return more

    def settled(self) -> bool:
        """Whether the newest build serves, and all are dropped that it replaced."""
        return list(self._fed) == [self._live] and not self._replaced()

    def _look(self) -> None:
        """See which builds there are, for other processes begin and drop them as well."""
        self._live = self._models.live_version(self._service.name)
        own = own_builds(self._service, self._models)
        wanted = [number for number in own if number in (own[-1], self._live, *self._fed)]
        if wanted != sorted(self._fed):
            kept = self._fed
            self._fed = {
                number: kept.get(number) or self._open(self._service, number)
                for number in reversed(wanted)
            }
            # Perhaps one was dropped while it still parked something.
            forget_dropped(self._service, self._models, self._parked)

    def _catch_up(self, number: int) -> bool:
        """Let a new build catch up; it serves as soon as it covers the one that does."""
        before, subscription = self._live_checkpoint(), self._fed[number]
        more = subscription.catch_up()
        if not covers(subscription.subscriber.checkpoint(), before, self.topics):
            return more or not subscription.waits()
        self._models.make_live(self._service.name, number)
        self._live = self._models.live_version(self._service.name)
        log.info("%s is answered from build %s", self._service.name, self._live)
        return more

    def _live_checkpoint(self) -> Checkpoint:
        return self._bare(self._live).checkpoint() if self._live else START

    def _bare(self, number: int) -> ReadModel[Any]:
        """A build of whichever program, with no indexes made in it."""
        return self._models.open(self._service.name, number, self._service.document, ())

    def _may_begin(self) -> bool:
        """Whether this program is new here, or the newer one is gone that replaced its builds.

        While a newer program leads, an old one does not build again what the newer one replaced.
        """
        known = self._fingerprints()
        leader = known.get(self._live, self._fingerprint)
        if self._fingerprint in (leader, *known.values()) and leader != self._fingerprint:
            return self._is_abandoned(leader)
        return True

    def _is_abandoned(self, leader: str) -> bool:
        """Whether nobody has fed the builds of that program for long."""
        now = self._clock()
        if self._is_led(leader):
            self._led_at = now
        return now - self._led_at >= ABANDONED_SECONDS

    def _is_led(self, its_fingerprint: str) -> bool:
        return self._leases.holder(lease_of(self._service, its_fingerprint)) is not None

    def _drop_replaced(self) -> None:
        """Drop the builds before the live one, once nobody answers from them any more."""
        now, replaced = self._clock(), self._replaced()
        self._replaced_at = {number: self._replaced_at.get(number, now) for number in replaced}
        for number, since in self._replaced_at.items():
            if now - since >= GRACE_SECONDS:
                self._bare(number).drop()
                forget_dropped(self._service, self._models, self._parked)
        self._look()

    def _replaced(self) -> list[int]:
        """The builds before the live one, but for those that another program still feeds."""
        known, own = self._fingerprints(), self._fingerprint
        return [
            number
            for number in self._models.versions(self._service.name)
            if number < self._live
            and (known.get(number, own) == own or not self._is_led(known[number]))
        ]

    def _fingerprints(self) -> dict[int, str]:
        return {
            build.number: build.fingerprint for build in self._models.builds(self._service.name)
        }


def forget_dropped(service: QueryService[Any], models: ReadModels, parked: ParkedEvents) -> None:
    """Remove what builds that are gone had parked, for nobody would carry out a verdict on it."""
    # Listed first: whoever parks has made the build before.
    found = [each for each in parked.list() if each.service == service.name]
    there = {name_of(service, version) for version in models.versions(service.name)}
    for each in found:
        if each.subscriber not in there:
            parked.remove(each.subscriber, each.event.id)
