"""A system in trouble, as the monitor could see it."""

from datetime import UTC, datetime, timedelta

from application.system import CONTEXTS, policy_types, query_services
from application.use_cases.operations.overview import (
    ChainState,
    Finding,
    Lag,
    LeaseState,
    Level,
    LogState,
    LoopState,
    OverallVerdict,
    Overview,
    ParityState,
    ProcessState,
    ProcessStatus,
    SubscriberState,
)
from domain.operations.alert import Severity, Trouble


def in_trouble() -> Overview:
    """A relay is down, a lease flaps, events are parked, a process is lost."""
    now = datetime.now(UTC)
    since = now - timedelta(minutes=12)
    return Overview(
        at=now,
        verdict=OverallVerdict(
            level=Level.CRITICAL,
            sentence="The relay of cases has published nothing for 12 minutes.",
            since=since,
        ),
        findings=(
            Finding(
                trouble=Trouble.BEHIND,
                subject="relay.cases",
                severity=Severity.CRITICAL,
                text="The relay of cases is 4,812 events behind.",
                since=since,
            ),
            Finding(
                trouble=Trouble.PARKED,
                subject="videos",
                severity=Severity.WARNING,
                text="videos has parked 2 events.",
                since=since,
            ),
        ),
        logs=[
            LogState(
                log=log,
                end=1_000_000,
                appended_a_second=12.4,
                chain=ChainState(verified=500_000, checked_at=since),
            )
            for log in CONTEXTS
        ],
        subscribers=[
            *(_relay(log, log == "cases") for log in CONTEXTS),
            *(
                SubscriberState(
                    kind="policy",
                    name=policy.name,
                    service=f"command:{policy.service}",
                    behind=0,
                    oldest_seconds=0,
                    handled_a_second=1.5,
                    parked=0,
                    leader="p1",
                )
                for policy in policy_types()
            ),
            *(
                SubscriberState(
                    kind="query",
                    name=f"query.{query.name}",
                    service=f"query:{query.name}",
                    behind=None if query.name == "videos" else 0,
                    oldest_seconds=None,
                    parked=2 if query.name == "videos" else 0,
                    leader="p1",
                    error="ValueError: 'Anna' is bad" if query.name == "videos" else "",
                    failing_since=since,
                )
                for query in query_services()
            ),
        ],
        leases=(
            LeaseState(
                name="relay.cases",
                holder="x",
                process="p1",
                number=42,
                held_seconds=3,
                changes=17,
                is_flapping=True,
            ),
        ),
        processes=(
            ProcessState(
                id="p1",
                version="0.3.0",
                services=("all",),
                started_at=since,
                seen_seconds=1,
                status=ProcessStatus.RUNNING,
                bus=True,
                loops=(LoopState(kind="relay", name="relay.cases", leading=True, handled=3),),
            ),
            ProcessState(
                id="p2",
                version="0.2.0",
                services=("command:cases", "query:cases", "query:videos", "site"),
                started_at=since,
                seen_seconds=720,
                status=ProcessStatus.LOST,
                bus=None,
            ),
        ),
        parity=(ParityState(service="videos", differences=3, compared=1000, at=since),),
        parked=2,
        bus=False,
    )


def _relay(log: str, is_down: bool) -> SubscriberState:
    behind, age = (4812, 725) if is_down else (0, 0)
    return SubscriberState(
        kind="relay",
        name=f"relay.{log}",
        service=f"command:{log}",
        lags=(Lag(log=log, position=1, end=2, behind=behind, oldest_seconds=age),),
        behind=behind,
        oldest_seconds=age,
        at_least=is_down,
        handled_a_second=0.0 if is_down else 12.4,
        parked=0,
        leader=None if is_down else "p1",
    )
