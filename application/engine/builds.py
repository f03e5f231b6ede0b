"""The builds of read models: which one a program feeds, and which one it answers from."""

from collections.abc import Sequence
from typing import Any

from application.engine.fingerprint import answers_alike, fingerprint
from application.engine.query_service import QueryService
from application.ports.checkpoints import Checkpoint
from application.ports.read_models import ReadModel, ReadModels


def name_of(service: QueryService[Any], build: int) -> str:
    """The subscriber of one build: each has its own checkpoint, and parks events of its own."""
    return f"{service.name}.{build}"


def lease_of(service: QueryService[Any], its_fingerprint: str) -> str:
    """The lease to feed the builds of one program: programs do not wait for each other."""
    return f"query.{service.name}.{its_fingerprint}"


def open_build(service: QueryService[Any], models: ReadModels, build: int) -> ReadModel[Any]:
    """One build of a service's read model."""
    return models.open(service.name, build, service.document, service.indexes, service.sides)


def begin_build(service: QueryService[Any], models: ReadModels) -> int:
    """Make a new, empty build of this program."""
    build = models.begin(service.name, fingerprint(service)).number
    open_build(service, models, build)
    return build


def own_builds(service: QueryService[Any], models: ReadModels) -> list[int]:
    """The builds of this program that exist, ascending."""
    own = fingerprint(service)
    begun = {build.number for build in models.builds(service.name) if build.fingerprint == own}
    return [number for number in models.versions(service.name) if number in begun]


def serving_build(service: QueryService[Any], models: ReadModels) -> int:
    """The build to answer from: the live one, whichever program made it, as long as it takes the
    same questions; else the newest of this program. 0 where there is none."""
    live = models.live_version(service.name)
    own = fingerprint(service)
    known = {build.number: build.fingerprint for build in models.builds(service.name)}
    if live and answers_alike(known.get(live, own), own):
        return live
    return max(own_builds(service, models), default=0)


def covers(later: Checkpoint, earlier: Checkpoint, topics: Sequence[str]) -> bool:
    """Whether a checkpoint has come at least as far in every topic."""
    return all(later.at(topic) >= earlier.at(topic) for topic in topics)
