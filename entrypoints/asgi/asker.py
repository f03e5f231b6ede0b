"""Who a request comes from, as far as places are shared out."""

from typing import Any

from entrypoints.http.limits import hashed, network_of


def asker_of(scope: dict[str, Any], proxies: int) -> str:
    """Return the network that the request comes from, hashed, behind so many proxies of ours."""
    forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for hop in b",".join(forwarded).decode("latin-1").split(",") if hop]
    if proxies and len(hops) >= proxies:
        return hashed(network_of(hops[-proxies]))
    return hashed(network_of(scope["client"][0]))
