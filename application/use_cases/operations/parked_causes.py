"""Group parked events by what made them fail, without what people wrote."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from application.engine.parking import EARLIER_IS_PARKED
from application.ports.parked import ParkedEvent

MASK = "…"
LONGEST_CAUSE = 200

# What errors quote may be personal: a name, a word of a story, the id of somebody.
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|«[^»]*»|“[^”]*”")
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}\b|\b\d[\d.,:TZ+-]*\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedCause:
    """A service, and what its subscribers failed with. ``waiting`` are events that did not fail:
    they wait for an earlier one of their stream."""

    key: str
    service: str
    text: str
    failed: Sequence[ParkedEvent]
    waiting: Sequence[ParkedEvent]

    @property
    def since(self) -> str:
        return min(each.parked_at for each in self.failed)

    @property
    def gave_up(self) -> int:
        """How many are not retried any more unless an operator decides so."""
        return sum(each.retry_at is None and not each.verdict for each in self.failed)


def causes_of(parked: Iterable[ParkedEvent]) -> list[ParkedCause]:
    """Return the causes, those with the most failed events first."""
    failed: dict[tuple[str, str], list[ParkedEvent]] = {}
    waiting: dict[tuple[str, str, str], list[ParkedEvent]] = {}
    for each in parked:
        if each.error == EARLIER_IS_PARKED:
            waiting.setdefault(_stream(each), []).append(each)
        else:
            failed.setdefault((each.service, masked_error(each.error)), []).append(each)
    found = [_cause(service, text, events, waiting) for (service, text), events in failed.items()]
    return sorted(found, key=lambda cause: (-len(cause.failed), cause.service, cause.text))


def masked_error(error: str) -> str:
    """Return the text of an error without what it quotes."""
    first = error.strip().splitlines()[0] if error.strip() else "unknown"
    masked = _IDS.sub(MASK, _QUOTED.sub(f"“{MASK}”", first))
    return masked if len(masked) <= LONGEST_CAUSE else masked[:LONGEST_CAUSE] + MASK


def _cause(
    service: str,
    text: str,
    failed: Sequence[ParkedEvent],
    waiting: dict[tuple[str, str, str], list[ParkedEvent]],
) -> ParkedCause:
    streams = dict.fromkeys(_stream(each) for each in failed)
    return ParkedCause(
        key=blake2b(f"{service} {text}".encode(), digest_size=8).hexdigest(),
        service=service,
        text=text,
        failed=failed,
        waiting=[each for stream in streams for each in waiting.get(stream, ())],
    )


def _stream(parked: ParkedEvent) -> tuple[str, str, str]:
    return parked.subscriber, parked.event.log, parked.event.stream
