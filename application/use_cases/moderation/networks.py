"""Let the flags of one network on one subject count once a day. Nothing of it is ever stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from threading import Lock

from application.ports.clock import Clock


class NetworksOfToday:
    """Remembers in memory which flag of a network counts, until the day ends.

    A network is the keyed hash of an address that rate limits use: it changes daily, and its key
    exists only in the memory of one process. Several processes therefore count one flag each.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._day: date | None = None
        self._counted: dict[tuple[str, str], str] = {}

    @contextmanager
    def counting(self, network: str, subject: str, flag_id: str) -> Iterator[bool]:
        """Give whether the flag is the first of its network on the subject today.

        A flag that is refused within the block leaves the place to the next one.
        """
        place = (network, subject)
        with self._lock:
            self._forget_yesterday()
            is_new = place not in self._counted
            first = self._counted.setdefault(place, flag_id)
        try:
            yield first == flag_id
        except BaseException:
            if is_new:
                self._counted.pop(place, None)
            raise

    def _forget_yesterday(self) -> None:
        today = self._clock().date()
        if today != self._day:
            self._day = today
            self._counted.clear()
