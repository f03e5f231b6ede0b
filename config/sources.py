"""Choose where the monitor of this process reads, by where the settings store things."""

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from application.engine.builds import open_build, serving_build
from application.engine.query_service import QueryService
from application.engine.rebuild import Rebuilds
from application.engine.rolling_verification import RollingVerification
from application.ports.checkpoints import START, Checkpoint
from application.ports.leases import LeaseRecord
from application.ports.parked import ParkedEvent
from application.ports.read_models import ReadModel, ReadModels
from application.ports.rebuilds import Phase
from application.system import QUERY, policy_types, query_services
from application.use_cases.operations.observing import Sources
from application.use_cases.operations.overview import ParityState
from application.use_cases.operations.sightings import Sightings
from config.container import Container
from config.settings import Settings

OF_WHAT_SERVES = {Phase.COMPARED, Phase.HELD, Phase.CANCELLED, Phase.ROLLED_BACK}
"""When the build that was found to differ serves."""


def sources_of(container: Container, sightings: Sightings) -> Sources:
    """Return the sources of this process."""
    settings = container.settings()
    clock, codec, seals = container.clock(), container.codec(), container.seals()
    near = {
        log: store for log, store in container.stores().items() if log not in settings.history_urls
    }
    return Sources(
        history=container.history(),
        checkpoints=_checkpoints(container, settings, tuple(near)),
        leases=_leases(container),
        parked=_parked(container),
        chains={
            log: RollingVerification(store, codec, seals, clock) for log, store in near.items()
        },
        parity={
            service.name: partial(parity_of, container.rebuilds(), service)
            for service in query_services()
        },
        sightings=sightings,
        clock=clock,
        seconds=time.monotonic,
    )


def parity_of(rebuilds: Rebuilds, service: QueryService[Any]) -> ParityState | None:
    """Return what was found in the build that serves: a swap replaces one that differed."""
    state = rebuilds.state(service)
    if not state.was_compared or state.told_at is None or state.phase not in OF_WHAT_SERVES:
        return None
    return ParityState(
        service=service.name,
        differences=state.different,
        compared=state.compared,
        at=state.told_at,
        by_order=service.by_order,
    )


def _checkpoints(
    container: Container, settings: Settings, near: tuple[str, ...]
) -> Callable[[], Mapping[str, Checkpoint]]:
    """Return what reads the checkpoints that this process reaches.

    A context whose log is read over HTTP stores its checkpoints elsewhere, and read models in the
    memory of another process cannot be read.
    """
    stores, models = container.stores(), container.models()
    chosen = {service.name for service in settings.services if service.kind == QUERY}
    shared = settings.read_models == "mongo" or settings.event_store != "mongo"
    queries = [one for one in query_services() if shared or one.name in chosen]
    policies = [policy.name for policy in policy_types() if policy.service in near]
    names = [*(f"relay.{log}" for log in near), *policies]
    build_of = _Builds(models)

    def read() -> dict[str, Checkpoint]:
        stored = container.checkpoints().list()
        heads = {log: stores[log].sealed_head() for log in near}
        return {
            **{name: stored.get(name, START) for name in names},
            **{
                f"seal.{log}": START.skipped_to(log, head.position if head else 0)
                for log, head in heads.items()
            },
            **{f"query.{service.name}": build_of.checkpoint(service) for service in queries},
        }

    return read


class _Builds:
    """The checkpoints of the builds that serve. A build is opened once."""

    def __init__(self, models: ReadModels) -> None:
        self._models = models
        self._open = cache(self._opened)

    def checkpoint(self, service: QueryService[Any]) -> Checkpoint:
        build = serving_build(service, self._models)
        return self._open(service, build).checkpoint() if build else START

    def _opened(self, service: QueryService[Any], build: int) -> ReadModel[Any]:
        return open_build(service, self._models, build)


def _leases(container: Container) -> Callable[[], Mapping[str, LeaseRecord]]:
    def read() -> dict[str, LeaseRecord]:
        return {**container.leases().list(), **container.model_leases().list()}

    return read


def _parked(container: Container) -> Callable[[str], list[ParkedEvent]]:
    """Return what lists the parked events of a loop; those of a query service by its builds."""

    def read(name: str) -> list[ParkedEvent]:
        service = name.removeprefix("query.")
        return [each for each in container.parked().list() if each.service == service]

    return read
