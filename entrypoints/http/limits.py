"""Rate limits, per member or per address; an address is only known by a hash that changes daily."""

import os
from datetime import UTC, datetime
from hashlib import blake2b

from flask import Flask, g, request
from flask_limiter import Limiter

_KEY = os.urandom(32)


def who_asks() -> str:
    """Whose requests are counted: the member with a good token, or else the address, hashed.

    The key lives in this process's memory alone, and the day is part of what is hashed.
    """
    asker = g.claims[0] if g.claims else request.remote_addr
    today = datetime.now(UTC).date().isoformat()
    return blake2b(f"{today} {asker}".encode(), key=_KEY, digest_size=16).hexdigest()


def limit_rates(app: Flask, rate: str) -> Limiter:
    """Limit all requests but those of the probes and of other services."""
    app.config.update(
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_HEADER_LIMIT="RateLimit-Limit",
        RATELIMIT_HEADER_REMAINING="RateLimit-Remaining",
        RATELIMIT_HEADER_RESET="RateLimit-Reset",
        RATELIMIT_HEADER_RETRY_AFTER_VALUE="delta-seconds",
    )
    limiter = Limiter(
        who_asks, app=app, default_limits=[rate], storage_uri="memory://", strategy="fixed-window"
    )
    limiter.request_filter(_is_internal)
    return limiter


def _is_internal() -> bool:
    return request.path.startswith(("/health/", "/metrics", "/events/"))
