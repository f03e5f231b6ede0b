"""Rate limits, per member or per address; an address is only known by a hash that changes daily."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from threading import Lock
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, parse_many

from entrypoints.http.problems import problem

V = TypeVar("V", bound=Callable[..., Any])

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
    """Counts what is asked in windows of time, the same for all; what is over is forgotten."""

    def __init__(self, limit: RateLimitItem) -> None:
        self._most = limit.amount
        self._seconds = limit.get_expiry()
        self._lock = Lock()
        self._ends = 0.0
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, asker: str, what: str) -> Standing:
        """Count a request, and tell how many of them are left."""
        now = time.time()
        with self._lock:
            if now >= self._ends:
                self._ends = (now // self._seconds + 1) * self._seconds
                self._counts.clear()
            self._counts[asker, what] += 1
            left = self._most - self._counts[asker, what]
            return Standing(self._most, left, max(1, ceil(self._ends - now)))


def limit_rates(app: Flask, rate: str, sign_in_rate: str) -> None:
    """Limit all requests but those of the probes and of other services."""
    requests, sign_ins = _windows(rate), _windows(sign_in_rate)

    @app.before_request
    def count() -> None:
        if request.path.startswith(("/health/", "/metrics", "/events/")):
            return
        if _is_guess():
            standing = _counted(sign_ins, where_from(), "sign-in")
        else:
            standing = _counted(requests, who_asks(), request.endpoint or "")
        g.limited = standing.headers
        if standing.left < 0:
            raise problem("too-many-requests", **{"Retry-After": str(standing.reset)})

    @app.after_request
    def tell(reply: Response) -> Response:
        reply.headers.extend(g.get("limited", {}))
        return reply


def limited_as_sign_in(view: V) -> V:
    """A limit on guessing passphrases. No token lifts it: whoever guesses may well be a member."""
    view.guessable = True  # type: ignore[attr-defined]  # decorators hand it on
    return view


def who_asks() -> str:
    """Whose requests are counted: the member with a good token, or else the address, hashed."""
    return _hashed(g.claims[0]) if g.claims else where_from()


def where_from() -> str:
    """The address of the request, hashed; of IPv6 the network, for a client has all of it."""
    return _hashed(network_of(request.remote_addr or ""))


def network_of(address: str) -> str:
    """What a client cannot change: its IPv4 address, also inside an IPv6 one, or its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address  # what a proxy made of it
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((address, 64), strict=False))


def _windows(rate: str) -> list[Windows]:
    return [Windows(limit) for limit in parse_many(rate)]


def _counted(windows: list[Windows], asker: str, what: str) -> Standing:
    """How the asker stands to the limit that they are closest to."""
    return min((each.count(asker, what) for each in windows), key=lambda each: each.left)


def _is_guess() -> bool:
    view = current_app.view_functions.get(request.endpoint or "")
    return request.method == "POST" and getattr(view, "guessable", False)


def _hashed(asker: str) -> str:
    """The key lives in this process's memory alone, and the day is part of what is hashed."""
    today = datetime.now(UTC).date().isoformat()
    return blake2b(f"{today} {asker}".encode(), key=_KEY, digest_size=16).hexdigest()
