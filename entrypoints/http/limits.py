"""Rate limits, per member or per address; an address is only known by a hash that changes daily."""

import os
import time
from datetime import UTC, datetime
from hashlib import blake2b
from http import HTTPStatus

from flask import Flask, Response, g, request
from flask_limiter import Limiter, RouteLimit

_KEY = os.urandom(32)


def limit_rates(app: Flask, rate: str) -> Limiter:
    """Limit all requests but those of the probes and of other services."""
    limiter = Limiter(
        who_asks, app=app, default_limits=[rate], storage_uri="memory://", strategy="fixed-window"
    )
    limiter.request_filter(_is_internal)

    @app.after_request
    def tell(reply: Response) -> Response:
        _tell_limits(limiter, reply)
        return reply

    return limiter


def limit_sign_ins(limiter: Limiter, rate: str) -> RouteLimit:
    """A limit on guessing passphrases. No token lifts it: whoever guesses may well be a member."""
    return limiter.shared_limit(rate, scope="sign-in", key_func=where_from)


def who_asks() -> str:
    """Whose requests are counted: the member with a good token, or else the address, hashed."""
    return _hashed(g.claims[0]) if g.claims else where_from()


def where_from() -> str:
    """The address of the request, hashed."""
    return _hashed(request.remote_addr or "")


def _hashed(asker: str) -> str:
    """The key lives in this process's memory alone, and the day is part of what is hashed."""
    today = datetime.now(UTC).date().isoformat()
    return blake2b(f"{today} {asker}".encode(), key=_KEY, digest_size=16).hexdigest()


def _tell_limits(limiter: Limiter, reply: Response) -> None:
    current = limiter.current_limit
    if current is None:
        return
    left = max(1, int(current.reset_at - time.time()))
    reply.headers["RateLimit-Limit"] = str(current.limit.amount)
    reply.headers["RateLimit-Remaining"] = str(current.remaining)
    reply.headers["RateLimit-Reset"] = str(left)
    if reply.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        reply.headers["Retry-After"] = str(left)


def _is_internal() -> bool:
    return request.path.startswith(("/health/", "/metrics", "/events/"))
