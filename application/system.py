"""The declared services: what each owns, publishes and subscribes to."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import application.policies
import application.queries
from application.engine.discovery import subclasses
from application.engine.query_service import QueryService
from application.policy import KlarityPolicy
from domain.catalog import EVENTS

CONTEXTS = EVENTS.contexts
COMMAND, QUERY, SITE, MONITOR = "command", "query", "site", "monitor"


class UnknownService(ValueError):
    """No service has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A command service, a query service, the site or the monitor. Each can run in a process of its
    own.

    A command service owns the log of its context and runs its policies. A query service owns a read
    model. The site asks the others, and the monitor watches them. ``id`` is unique; a command
    service and a query service may have the same name.
    """

    name: str
    kind: str
    subscribes_to: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    about: str = ""

    @property
    def id(self) -> str:
        return self.kind if self.kind in (SITE, MONITOR) else f"{self.kind}:{self.name}"


@cache
def query_services() -> tuple[QueryService[Any], ...]:
    """Return the query services in ``application/queries``, sorted by name."""
    found = [kind() for kind in subclasses(application.queries, QueryService)]
    return tuple(sorted(found, key=lambda service: service.name))


@cache
def policy_types() -> tuple[type[KlarityPolicy], ...]:
    """Return the policies in ``application/policies``, sorted by name."""
    found = subclasses(application.policies, KlarityPolicy)
    return tuple(sorted(found, key=lambda policy: policy.name))


def services() -> list[Service]:
    """Return all services of the system."""
    site = Service(name=SITE, kind=SITE, about="Serves the pages for people, and asks the others.")
    monitor = Service(name=MONITOR, kind=MONITOR, about="Shows operators how the others run.")
    return [
        *map(_command_service, CONTEXTS),
        *map(_query_service, query_services()),
        site,
        monitor,
    ]


def chosen(names: str) -> list[Service]:
    """Return the services in a list such as ``cases,query:videos``; ``all`` means all of them.

    Raises UnknownService.
    """
    everything = services()
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {"all"} | {service.name for service in everything} | {s.id for s in everything}
    if unknown := [name for name in wanted if name not in known]:
        raise UnknownService(", ".join(unknown))
    return [
        service
        for service in everything
        if "all" in wanted or service.name in wanted or service.id in wanted
    ]


def _command_service(context: str) -> Service:
    policies = [policy for policy in policy_types() if policy.service == context]
    topics = {topic for policy in policies for topic in policy.topics}
    return Service(
        name=context,
        kind=COMMAND,
        subscribes_to=tuple(sorted(topics)),
        publishes=(context,),
        policies=tuple(policy.name for policy in policies),
        about=f"Executes commands on {context}, and owns their log.",
    )


def _query_service(query: QueryService[Any]) -> Service:
    about = (query.__doc__ or "").strip().splitlines()[0]
    return Service(name=query.name, kind=QUERY, subscribes_to=query.topics, about=about)
