"""Rebuilding a read model beside the one that serves, and swapping when it has caught up."""

import time
from collections.abc import Callable
from typing import Any

from application.delivery.subscription import Subscription
from application.ports.codec import EventCodec, Wire
from application.ports.history import History
from application.ports.parked import ParkedEvents
from application.ports.read_models import ReadModels
from application.queries.answers import LOOK_UP_SECONDS
from application.queries.projector import (
    BUILDS,
    Projector,
    build_to_feed,
    name_of,
    open_build,
)
from application.queries.query_service import QueryService

Progress = Callable[[int, int], None]

# Longer than those who answer from a build, or feed it, take to see that another is live.
GRACE_SECONDS = 4 * LOOK_UP_SECONDS


class Rebuilder:
    """Builds read models from the logs alone."""

    def __init__(
        self,
        models: ReadModels,
        history: History,
        codec: EventCodec,
        wire: Wire,
        parked: ParkedEvents,
    ) -> None:
        self._models = models
        self._history = history
        self._codec = codec
        self._wire = wire
        self._parked = parked

    def rebuild(self, service: QueryService[Any], progress: Progress = lambda *_: None) -> int:
        """Make a new build, feed it all history, make it live, drop the others.

        ``progress`` gets how many events were handled, of how many. Returns how many it were.
        """
        build = self._next_build(service)
        model = open_build(service, self._models, build)
        model.drop()
        model = open_build(service, self._models, build)
        projector = Projector(service, model, self._codec, build)
        handled = self._catch_up(projector, progress)
        swap(service, self._models, self._parked, build)
        return handled

    def _next_build(self, service: QueryService[Any]) -> int:
        live = self._models.live_version(service.name)
        return live + 1 if live // BUILDS == service.version else service.version * BUILDS

    def _catch_up(self, projector: Projector[Any], progress: Progress) -> int:
        subscription = Subscription(projector, self._history, self._wire, self._parked)
        while subscription.catch_up():
            handled = sum(projector.checkpoint().positions.values())
            progress(handled, handled + sum(subscription.behind().values()))
        return sum(projector.checkpoint().positions.values())


def swap(service: QueryService[Any], models: ReadModels, parked: ParkedEvents, build: int) -> None:
    """Let the build serve, and drop those it replaces once nobody answers from them any more."""
    models.make_live(service.name, build)
    replaced = [version for version in models.versions(service.name) if version != build]
    if replaced:
        time.sleep(GRACE_SECONDS)
    for version in replaced:
        open_build(service, models, version).drop()
    forget_dropped(service, models, parked)


def forget_dropped(service: QueryService[Any], models: ReadModels, parked: ParkedEvents) -> None:
    """Remove what builds that are gone had parked, for nobody would carry out a verdict on it."""
    # Listed first: whoever parks has made the build before.
    found = [each for each in parked.list() if each.service == service.name]
    there = {name_of(service, version) for version in models.versions(service.name)}
    for each in found:
        if each.subscriber not in there:
            parked.remove(each.subscriber, each.event.id)


def needs_building(service: QueryService[Any], models: ReadModels) -> bool:
    """Whether no build of the declared version serves yet."""
    live = models.live_version(service.name)
    return live != build_to_feed(service, live)
