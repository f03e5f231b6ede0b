"""Choose the builds of a read model: which ones to project into, and which one answers.

Builds have growing numbers, and the fingerprint of the program that began them. A program's *own*
builds are those with its fingerprint; it projects into these alone. The *live* build is the newest
one that has caught up, for all processes; ``QueryFeed`` makes it live. The *serving* build is the
one that this process answers from: the live one, if this program can query it.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from application.engine.fingerprint import answers_alike, fingerprint
from application.engine.query_service import QueryService
from application.ports.checkpoints import Checkpoint
from application.ports.read_models import ReadModel, ReadModels
from application.ports.search_index import SearchModel

D = TypeVar("D")


def name_of(service: QueryService[Any], build: int) -> str:
    """Return the name of a build as a subscriber, under which its events are parked."""
    return f"{service.name}.{build}"


def lease_of(service: QueryService[Any], program: str) -> str:
    """Return the name of the lease to project into the builds of the program with a fingerprint."""
    return f"query.{service.name}.{program}"


def open_build(service: QueryService[Any], models: ReadModels, build: int) -> ReadModel[Any]:
    """Open one build of a service's read model."""
    return models.open(service.name, build, service.document, service.indexes, service.sides)


def open_any(service: QueryService[Any], models: ReadModels, build: int) -> ReadModel[Any]:
    """Open a build of any program, without creating indexes in it."""
    return models.open(service.name, build, service.document, ())


def as_searched(model: ReadModel[D]) -> SearchModel[D]:
    """Return the build of a service that is searched: ``ReadModels`` opens it in the index."""
    return cast("SearchModel[D]", model)


def begin_build(service: QueryService[Any], models: ReadModels) -> int:
    """Create an empty build of this program, and return its number."""
    build = models.begin(service.name, fingerprint(service)).number
    open_build(service, models, build)
    return build


def own_builds(service: QueryService[Any], models: ReadModels) -> list[int]:
    """Return the existing builds of this program, the oldest first."""
    begun = begun_by(fingerprint(service), service, models)
    return [number for number in models.versions(service.name) if number in begun]


def begun_by(program: str, service: QueryService[Any], models: ReadModels) -> set[int]:
    """Return the builds that the program with this fingerprint began, also dropped ones."""
    return {build.number for build in models.builds(service.name) if build.fingerprint == program}


def serving_build(service: QueryService[Any], models: ReadModels) -> int:
    """Return the build to answer from, or 0 if there is none.

    It is the live one, even of another program, if it has the same indexes; otherwise the newest of
    this program's own.
    """
    live = models.live_version(service.name)
    own = fingerprint(service)
    known = {build.number: build.fingerprint for build in models.builds(service.name)}
    if live and answers_alike(known.get(live, own), own):
        return live
    return max(own_builds(service, models), default=0)


def covers(later: Checkpoint, earlier: Checkpoint, topics: Sequence[str]) -> bool:
    """Return whether a checkpoint has come at least as far in every topic."""
    return all(later.at(topic) >= earlier.at(topic) for topic in topics)
