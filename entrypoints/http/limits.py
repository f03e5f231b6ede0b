"""Rate limits, per member or per address; an address is only known by a hash that changes daily."""

import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from threading import Lock

from flask import Flask, Response, g, request
from limits import RateLimitItem, parse_many

from entrypoints.http.problems import Problem, problem

_KEY = os.urandom(32)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an asker stands to a limit."""

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
    """Counts what is asked in windows of time, the same for all; what is over is forgotten.

    Time since the machine started, which all its processes share: it is never turned back.
    """

    def __init__(self, limit: RateLimitItem) -> None:
        self._most = limit.amount
        self._seconds = limit.get_expiry()
        self._lock = Lock()
        self._ends = 0.0
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, asker: str, what: str) -> Standing:
        """Count a request, and tell how many of them are left. A refused one leaves no trace."""
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
        """Undo one count, unless its window is over."""
        with self._lock:
            self._counts[asker, what] -= 1
            if self._counts[asker, what] <= 0:
                del self._counts[asker, what]


class Rate:
    """One or more windows, such as "5 per minute; 20 per hour"."""

    def __init__(self, rate: str) -> None:
        self._windows = [Windows(limit) for limit in parse_many(rate)]

    def count(self, asker: str, what: str = "") -> Standing:
        """Count a request; how the asker stands to the window that they are closest to.

        What one window refuses counts in none.
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
        """Undo one count."""
        for windows in self._windows:
            windows.take_back(asker, what)


def limit_rates(app: Flask, rate: str) -> None:
    """Limit all requests but those of probes and other services, and attempts to sign in."""
    requests = Rate(rate)

    @app.before_request
    def count() -> None:
        if "attempt" in g or request.path.startswith(("/health/", "/metrics", "/events/")):
            return
        standing = requests.count(who_asks(), request.endpoint or "")
        if standing.left < 0:
            raise too_many_requests(standing)
        g.limited = standing.headers

    @app.after_request
    def tell(reply: Response) -> Response:
        reply.headers.extend(g.get("limited", {}))
        return reply


def too_many_requests(standing: Standing, what: str = "requests") -> Problem:
    """The problem that tells to wait, with what the asker has used up."""
    g.limited = standing.headers
    told = f"Too many {what}; try again in {standing.reset} seconds."
    return problem("too-many-requests", told, **{"Retry-After": str(standing.reset)})


def who_asks() -> str:
    """Whose requests are counted: the member with a good token, or else the address, hashed."""
    return hashed(g.claims[0]) if g.claims else where_from()


def where_from(prefix: int = 64) -> str:
    """The address of the request, hashed; of IPv6 the network, for a client has all of it."""
    return hashed(network_of(request.remote_addr or "", prefix))


def network_of(address: str, prefix: int = 64) -> str:
    """What a client cannot change: its IPv4 address, also inside an IPv6 one, or its IPv6 network.

    Customers get a /64 at least; some get as much as a /48.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # what a proxy made of it
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((address, prefix), strict=False))


def hashed(asker: str) -> str:
    """What is known of an asker while they are counted.

    The key lives in this process's memory alone, and the day is part of what is hashed.
    """
    today = datetime.now(UTC).date().isoformat()
    return blake2b(f"{today} {asker}".encode(), key=_KEY, digest_size=16).hexdigest()
