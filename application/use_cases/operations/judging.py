"""Judge what the monitor observes: what is wrong, since when, and the verdict in one sentence."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from application.engine.announcing import TOPIC
from application.use_cases.operations.observing import Observation
from application.use_cases.operations.overview import (
    Finding,
    Level,
    LoopState,
    OverallVerdict,
    ParityState,
    ProcessState,
    ProcessStatus,
    SubscriberState,
)
from application.use_cases.operations.subjects import WatchedPart
from domain.operations.alert import Severity, Trouble

# Seconds after which something is a warning, and after which it is critical.
BEHIND = (10, 30)
BEHIND_IN_A_POOL = (600, 3600)
PARKED_CRITICAL = 600
FAILING = (10, 60)
LEADERLESS_SECONDS = 12.0
"""Longer than a lease: another process takes over within this time."""
REPLACED_SECONDS = 60.0
"""How long a lost process is a warning if others run all of its services."""

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL
Judged = tuple[Trouble, str, Severity, str]
"""The trouble, its subject, its severity, and the sentence."""

ALL_IS_WELL = (
    "All is well: every event is handled, nothing is parked, and no change to a log was found."
)


class Judge:
    """Turns observations into findings, and remembers since when each of them holds."""

    def __init__(
        self,
        watched: Sequence[WatchedPart],
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self._subjects = {subject.name: subject for subject in watched}
        self._clock = clock
        self._seconds = seconds
        self._since: dict[tuple[Trouble, str], datetime] = {}
        self._leaderless: dict[str, float] = {}
        self._verdict = OverallVerdict()

    def findings(self, seen: Observation, parity: Iterable[ParityState]) -> list[Finding]:
        """Return what is wrong, the most severe first."""
        judged = sorted(self._judged(seen, parity), key=_rank)
        now = self._clock()
        self._since = {(it[0], it[1]): self._since.get((it[0], it[1]), now) for it in judged}
        return [
            Finding(
                trouble=trouble,
                subject=subject,
                severity=severity,
                text=text,
                since=self._since[trouble, subject],
            )
            for trouble, subject, severity, text in judged
        ]

    def verdict(self, findings: Sequence[Finding], seen: Observation) -> OverallVerdict:
        """Return the verdict: the most severe finding, and how many more there are."""
        if not findings:
            return self._well_or_unknown(seen)
        first, more = findings[0], len(findings) - 1
        others = f" There {'is 1 more problem' if more == 1 else f'are {more} more problems'}."
        sentence = first.text + (others if more else "")
        self._verdict = OverallVerdict(
            level=Level(first.severity.value), sentence=sentence, since=first.since
        )
        return self._verdict

    def _well_or_unknown(self, seen: Observation) -> OverallVerdict:
        """Return that all is well only if it is known how far every subscriber has come."""
        unknown = [one for one in seen.subscribers if one.behind is None and one.kind != "sealer"]
        level, sentence = Level.WELL, ALL_IS_WELL
        if unknown:
            words = self._subjects[unknown[0].name].words
            others = f" and {len(unknown) - 1} others" if len(unknown) > 1 else ""
            level = Level.UNKNOWN
            sentence = (
                f"No problem is known, but it is not known how far {words}{others} have come."
            )
        since = self._verdict.since if self._verdict.level is level else None
        self._verdict = OverallVerdict(level=level, sentence=sentence, since=since or self._clock())
        return self._verdict

    def _judged(self, seen: Observation, parity: Iterable[ParityState]) -> Iterator[Judged]:
        yield from _of_logs(seen)
        yield from _of_parity(parity)
        yield from self._of_leaders(seen)
        yield from _of_processes(seen.processes)
        yield from self._of_chores(seen)
        if seen.bus is False:
            text = "The bus is away. Events are read from history, which is slower."
            yield Trouble.BUS, TOPIC, WARNING, text
        for subscriber in seen.subscribers:
            yield from self._of_subscriber(subscriber, bus_is_away=seen.bus is False)
        for lease in seen.leases or ():
            if lease.is_flapping:
                text = f"The lease {lease.name} changes its holder again and again."
                yield Trouble.FLAPPING, lease.name, WARNING, text

    def _of_leaders(self, seen: Observation) -> Iterator[Judged]:
        """Judge subscribers that nobody runs. Without the leases, nothing is known of them."""
        now = self._seconds()
        idle = [] if seen.leases is None else [one for one in seen.subscribers if not one.leader]
        self._leaderless = {one.name: self._leaderless.get(one.name, now) for one in idle}
        for one in idle:
            if now - self._leaderless[one.name] > LEADERLESS_SECONDS:
                text = f"No process runs {self._subjects[one.name].words}."
                yield Trouble.STOPPED, one.name, CRITICAL, text

    def _of_subscriber(self, one: SubscriberState, *, bus_is_away: bool) -> Iterator[Judged]:
        subject = self._subjects[one.name]
        yield from self._of_lag(one, subject, bus_is_away=bus_is_away)
        if one.parked:
            severity = CRITICAL if (one.oldest_parked_seconds or 0) > PARKED_CRITICAL else WARNING
            text = f"{_capital(subject.words)} could not handle some events: they are parked."
            yield Trouble.PARKED, one.name, severity, text
        yield from self._of_failing(one.name, subject.words, one, bus_is_away=bus_is_away)

    def _of_chores(self, seen: Observation) -> Iterator[Judged]:
        """Judge what handles no log in order, such as the sending of webhooks and later erasures.

        Of a loop that fails in several processes, the one that has failed longest counts.
        """
        running = (one for one in seen.processes if one.status is ProcessStatus.RUNNING)
        failing = (loop for process in running for loop in process.loops if loop.failing_since)
        longest_last = sorted(failing, key=attrgetter("failing_since"), reverse=True)
        for loop in {loop.name: loop for loop in longest_last}.values():
            if loop.name not in self._subjects:
                words = f"the {loop.kind} {loop.name}"
                yield from self._of_failing(loop.name, words, loop, bus_is_away=seen.bus is False)

    def _of_failing(
        self, name: str, words: str, one: SubscriberState | LoopState, *, bus_is_away: bool
    ) -> Iterator[Judged]:
        if one.failing_since and not (bus_is_away and one.error == "BusUnavailable"):
            failing = (self._clock() - one.failing_since).total_seconds()
            if severity := _severity(failing, FAILING):
                text = f"{_capital(words)} fails again and again ({one.error})."
                yield Trouble.FAILING, name, severity, text

    def _of_lag(
        self, one: SubscriberState, subject: WatchedPart, *, bus_is_away: bool
    ) -> Iterator[Judged]:
        limits = BEHIND_IN_A_POOL if subject.slow else BEHIND
        if not (severity := _severity(one.oldest_seconds or 0, limits)):
            return
        if one.kind == "relay" and bus_is_away:
            severity = WARNING  # it can do nothing, and subscribers read history
        logs = " and ".join(lag.log for lag in one.lags if lag.behind)
        text = f"{_capital(subject.words)} does not keep up with {logs}."
        if one.waits_for_newer:
            text = (
                f"{_capital(subject.words)} waits at an event that only a newer program can read."
            )
        yield Trouble.BEHIND, one.name, severity, text


def _of_logs(seen: Observation) -> Iterator[Judged]:
    for log in seen.logs:
        if log.chain.faults:
            text = f"The log {log.log} was changed in the database: {log.chain.faults[0]}."
            yield Trouble.CHAIN, log.log, CRITICAL, text
        if log.end is None:
            yield Trouble.UNKNOWN, log.log, CRITICAL, f"The log {log.log} cannot be read."
    if seen.leases is None:
        yield Trouble.UNKNOWN, "leases", CRITICAL, "The leases cannot be read."


def _of_parity(parity: Iterable[ParityState]) -> Iterator[Judged]:
    for one in parity:
        if one.differences:
            text = f"The read model of {one.service} is not what its logs say."
            severity = WARNING if one.by_order else CRITICAL
            yield Trouble.DIFFERENT, one.service, severity, text


def _of_processes(processes: Sequence[ProcessState]) -> Iterator[Judged]:
    running = (one for one in processes if one.status is ProcessStatus.RUNNING)
    covered = {service for one in running for service in one.services}
    for one in processes:
        if one.status is ProcessStatus.LOST:
            missing = [service for service in one.services if service not in covered]
            if missing or one.seen_seconds < REPLACED_SECONDS:
                text = f"The process {one.id} is lost{_without(missing)}."
                yield Trouble.LOST, one.id, CRITICAL if missing else WARNING, text


def _without(missing: Sequence[str]) -> str:
    if not missing:
        return "; others run its services"
    shown = ", ".join(missing[:3]) + (" and others" if len(missing) > len(missing[:3]) else "")
    return f", and no other process runs {shown}"


_ORDER: Mapping[Trouble, int] = {
    trouble: place
    for place, trouble in enumerate(
        (
            Trouble.CHAIN,
            Trouble.UNKNOWN,
            Trouble.DIFFERENT,
            Trouble.LOST,
            Trouble.STOPPED,
            Trouble.BUS,
            Trouble.FAILING,
            Trouble.BEHIND,
            Trouble.PARKED,
            Trouble.FLAPPING,
        )
    )
}
"""Causes come before their effects."""


def _rank(judged: Judged) -> tuple[bool, int, str]:
    trouble, subject, severity, _ = judged
    return severity is not CRITICAL, _ORDER[trouble], subject


def _severity(seconds: float, limits: tuple[int, int]) -> Severity | None:
    warn, alarm = limits
    if seconds < warn:
        return None
    return WARNING if seconds < alarm else CRITICAL


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
