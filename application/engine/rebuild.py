"""Rebuild a read model beside the one that serves."""

import time
from collections.abc import Callable
from typing import Any

from application.engine.builds import begin_build, open_build
from application.engine.feed import QueryFeed
from application.engine.loop import LEASE_SECONDS, process_name
from application.engine.projections import Projections
from application.engine.query_service import QueryService
from application.ports.checkpoints import Checkpoint
from application.ports.leases import Leases

Progress = Callable[[int, int], None]

LOOK_SECONDS = 0.2


class Rebuilder:
    """Rebuilds read models from the logs, unless a running process does it first."""

    def __init__(self, projections: Projections, leases: Leases) -> None:
        self._projections = projections
        self._models = projections.models
        self._leases = leases

    def rebuild(self, service: QueryService[Any], progress: Progress = lambda *_: None) -> int:
        """Create a new build, and return how many events it has handled once it serves.

        ``progress`` is called with the number of handled events and of all events.
        """
        build = begin_build(service, self._models)
        feed = QueryFeed(service, projections=self._projections, leases=self._leases)
        holder, served = process_name(), False
        while not served:
            leads = self._leases.acquire(feed.lease, holder, LEASE_SECONDS)
            if not (leads and feed.step()):
                time.sleep(LOOK_SECONDS)
            # The process that holds the lease also drops the replaced builds.
            served = feed.settled() if leads else self._live(service) >= build
            progress(*self._progress(service, build))
        self._leases.release(feed.lease, holder)
        return self._progress(service, build)[0]

    def _live(self, service: QueryService[Any]) -> int:
        return self._models.live_version(service.name)

    def _progress(self, service: QueryService[Any], build: int) -> tuple[int, int]:
        checkpoint: Checkpoint = open_build(service, self._models, build).checkpoint()
        ends = sum(map(self._projections.history.last_position, service.topics))
        return sum(checkpoint.positions.values()), ends
