"""The places of streams in a process, shared out fairly among networks."""

from collections.abc import Callable, Iterator
from threading import Event, Lock


class Place:
    """The place of one stream. ``wake`` continues the stream where it waits.

    ``wake`` is the server's own, if the server can wait for a stream without a thread.
    """

    def __init__(self, network: str, wake: Callable[[], object] | None) -> None:
        self.network = network
        self.is_lost = False
        here = Event()
        self._here = None if wake else here
        self.wake = wake or here.set

    def wait(self, seconds: float) -> Iterator[bytes]:
        """Yield an empty piece if the server waits. Else wait here, but no longer than this."""
        if self._here is None:
            yield b""
        else:
            self._here.wait(seconds)
            self._here.clear()


class StreamPlaces:
    """Limits the streams of a process.

    One network can have all places, because many people can share its address. If no place is free,
    the network with the most streams loses its oldest one to a network with fewer.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = Lock()
        self._taken = 0
        # By network, in the order in which they were taken.
        self._held: dict[str, dict[Place, None]] = {}

    def take(self, place: Place) -> bool:
        """Take the place, and return whether there was one."""
        with self._lock:
            if self._taken >= self._places and not self._make_room(place.network):
                return False
            self._taken += 1
            self._held.setdefault(place.network, {})[place] = None
            return True

    def free(self, place: Place) -> None:
        """Give the place back, unless it was lost."""
        with self._lock:
            if not place.is_lost:
                self._remove(place)

    def _make_room(self, network: str) -> bool:
        largest = max(self._held.values(), key=len, default={})
        if len(largest) <= len(self._held.get(network, {})) + 1:
            return False
        oldest = next(iter(largest))
        self._remove(oldest)
        oldest.is_lost = True
        oldest.wake()
        return True

    def _remove(self, place: Place) -> None:
        self._taken -= 1
        del self._held[place.network][place]
        if not self._held[place.network]:
            del self._held[place.network]
