"""Identify the client of a request, to share out places."""

from typing import Any

from entrypoints.http.limits import hashed, network_of


def asker_of(scope: dict[str, Any], proxies: int) -> str:
    """Return the client's network, hashed. ``proxies`` is the number of trusted proxies."""
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for hop in b",".join(forwarded).decode("latin-1").split(",") if hop]
    if proxies and len(hops) >= proxies:
        return hashed(network_of(hops[-proxies]))
    return hashed(network_of(scope["client"][0]))
