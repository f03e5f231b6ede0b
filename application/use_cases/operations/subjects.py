"""What the monitor watches: every relay, sealer, policy and query service of the system."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from application.engine.builds import lease_of
from application.engine.fingerprint import fingerprint
from application.system import COMMAND, CONTEXTS, QUERY, policy_types, query_services


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPart:
    """Something that handles the events of some logs. ``words`` name it in a sentence.

    Leases whose names begin with ``lease`` elect who runs it. A ``slow`` one takes minutes for an
    event.
    """

    kind: str
    name: str
    service: str
    topics: Sequence[str]
    lease: str
    words: str
    slow: bool = False


def subjects() -> Iterator[WatchedPart]:
    """Yield all that the monitor watches, in the order in which events pass them."""
    for log in CONTEXTS:
        yield WatchedPart(
            kind="relay",
            name=f"relay.{log}",
            service=f"{COMMAND}:{log}",
            topics=(log,),
            lease=f"relay.{log}",
            words=f"the relay of {log}",
        )
        yield WatchedPart(
            kind="sealer",
            name=f"seal.{log}",
            service=f"{COMMAND}:{log}",
            topics=(log,),
            lease=f"seal.{log}",
            words=f"the sealer of {log}",
        )
    yield from _policies()
    yield from _queries()


def _policies() -> Iterator[WatchedPart]:
    for policy in policy_types():
        yield WatchedPart(
            kind="policy",
            name=policy.name,
            service=f"{COMMAND}:{policy.service}",
            topics=policy.topics,
            lease=policy.name,
            words=f"the policy {policy.name}",
            slow=policy.slow,
        )


def _queries() -> Iterator[WatchedPart]:
    for service in query_services():
        yield WatchedPart(
            kind="query",
            name=f"query.{service.name}",
            service=f"{QUERY}:{service.name}",
            topics=service.topics,
            # Each program has a lease of its own for a query service.
            lease=lease_of(service, fingerprint(service)).rpartition(".")[0] + ".",
            words=f"the query service {service.name}",
        )
