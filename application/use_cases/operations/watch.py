"""Watch the whole system: look every few seconds, and say how it is."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle

from application.ports.unavailable import Unavailable
from application.use_cases.operations.judging import Judge
from application.use_cases.operations.observing import Observer, Sources
from application.use_cases.operations.overview import Overview, ParityState

SECONDS = 2.0
"""How often it looks."""
COMMITS_A_LOOK = 200
"""How many commits it verifies in a look, of one log after the other."""


class SystemWatch:
    """The monitor's view. Each process of the monitor has its own, and needs no other to see."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._observer = Observer(sources)
        self._judge = Judge(self._observer.watched, sources.clock, sources.seconds)
        self._parity: dict[str, ParityState] = {}
        self._chains: Iterator[str] = cycle(sources.chains)
        self._compared: Iterator[str] = cycle(sources.parity)
        self._overview = Overview(at=sources.clock())

    def overview(self) -> Overview:
        """Return what was seen in the last look."""
        return self._overview

    def step(self) -> None:
        """Look once."""
        self._verify()
        self._compare()
        seen = self._observer.look()
        parity = list(self._parity.values())
        findings = self._judge.findings(seen, parity)
        parked = [one.parked for one in seen.subscribers if one.parked is not None]
        self._overview = Overview(
            at=self._sources.clock(),
            verdict=self._judge.verdict(findings, seen),
            findings=findings,
            logs=seen.logs,
            subscribers=seen.subscribers,
            leases=seen.leases or (),
            processes=seen.processes,
            parity=parity,
            parked=sum(parked) if parked else None,
            bus=seen.bus,
            complete=seen.complete,
        )

    def _verify(self) -> None:
        """Verify the next commits of the first log that has some, beginning after the last log."""
        try:
            for _ in self._sources.chains:
                if self._sources.chains[next(self._chains)].step(COMMITS_A_LOOK):
                    return
        except Unavailable:
            return

    def _compare(self) -> None:
        """Look what the last comparison found, in a look of one query service after the other."""
        service = next(self._compared)
        with suppress(Unavailable):
            found = self._sources.parity[service]()
            self._parity.pop(service, None)
            if found:
                self._parity[service] = found
