"""Rate limits per member or per address. An address is kept as a hash that changes daily."""

import os
import re
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from math import ceil
from threading import Lock

from flask import Flask, Response, g, request
from limits import RateLimitItem, parse_many

from entrypoints.http.problems import Problem, problem

_KEY = os.urandom(32)
_PORT = re.compile(r":\d+$")


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a limit for one client: requests allowed, left, and seconds to the reset."""

    limit: int
    left: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, self.left)),
            "RateLimit-Reset": str(self.reset),
        }


class Windows:
    """Counts requests in windows of time. All clients share the windows; old counts are deleted.

    The clock is the machine's monotonic one: its processes share it, and it never goes back.
    """

    def __init__(self, limit: RateLimitItem) -> None:
        self._most = limit.amount
        self._seconds = limit.get_expiry()
        self._lock = Lock()
        self._ends = 0.0
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, asker: str, what: str) -> Standing:
        """Count a request and return the state. A refused request is not counted."""
        now = time.monotonic()
        with self._lock:
            if now >= self._ends:
                self._ends = (now // self._seconds + 1) * self._seconds
                self._counts.clear()
            left = self._most - self._counts[asker, what] - 1
            if left >= 0:
                self._counts[asker, what] += 1
            return Standing(self._most, left, max(1, ceil(self._ends - now)))

    def take_back(self, asker: str, what: str) -> None:
        """Undo one count, unless its window has ended."""
        with self._lock:
            self._counts[asker, what] -= 1
            if self._counts[asker, what] <= 0:
                del self._counts[asker, what]


class Rate:
    """One or more windows, such as "5 per minute; 20 per hour"."""

    def __init__(self, rate: str) -> None:
        self._windows = [Windows(limit) for limit in parse_many(rate)]

    def count(self, asker: str, what: str = "") -> Standing:
        """Count a request and return the state of the window with the fewest requests left.

        If one window refuses, none counts the request.
        """
        standings: list[Standing] = []
        for windows in self._windows:
            standings.append(windows.count(asker, what))
            if standings[-1].left < 0:
                for counted in self._windows[: len(standings) - 1]:
                    counted.take_back(asker, what)
                break
        return min(standings, key=lambda standing: standing.left)

    def take_back(self, asker: str, what: str = "") -> None:
        """Undo one count in every window."""
        for windows in self._windows:
            windows.take_back(asker, what)


def limit_rates(app: Flask, rate: str) -> None:
    """Limit all requests except attempts to sign in, which have limits of their own."""
    requests = Rate(rate)

    @app.before_request
    def count() -> None:
        if "attempt" in g:
            return
        standing = requests.count(who_asks(), request.endpoint or "")
        if standing.left < 0:
            raise too_many_requests(standing)
        g.limited = standing.headers

    @app.after_request
    def add_headers(reply: Response) -> Response:
        reply.headers.extend(g.get("limited", {}))
        return reply


def too_many_requests(standing: Standing, what: str = "requests") -> Problem:
    """Return the problem that tells the client how long to wait, and set the RateLimit headers."""
    g.limited = standing.headers
    detail = f"Too many {what}; try again in {standing.reset} seconds."
    return problem("too-many-requests", detail, **{"Retry-After": str(standing.reset)})


def who_asks() -> str:
    """Return the key to count by: the member of a valid token, or else the address; hashed."""
    return hashed(g.claims[0]) if g.claims else where_from()


def where_from(prefix: int = 64) -> str:
    """Return the hashed address; of IPv6 the network, because a client can use all of it."""
    return hashed(network_of(request.remote_addr or "", prefix))


def network_of(address: str, prefix: int = 64) -> str:
    """Return the part of an address that a client cannot change.

    It is the IPv4 address, also one that an IPv6 address contains, or the IPv6 network. Customers
    get a /64 at least and a /48 at most.
    """
    match _parsed(address):
        case IPv6Address() as parsed:
            return str(parsed.ipv4_mapped or ip_network((parsed.packed, prefix), strict=False))
        case parsed:
            return str(parsed or address)  # a proxy may send something else


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Return the address. Some proxies add the client's port, which differs each time."""
    for text in (address, _PORT.sub("", address).strip("[]")):
        with suppress(ValueError):
            return ip_address(text)
    return None


def hashed(asker: str) -> str:
    """Return a keyed hash of the client and today's date.

    The key exists only in the memory of this process.
    """
    today = datetime.now(UTC).date().isoformat()
    return blake2b(f"{today} {asker}".encode(), key=_KEY, digest_size=16).hexdigest()
