"""Addresses of servers: a host, which may be a wildcard or IPv6, and a port."""

import socket

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


def can_be_listened_on(host: str) -> bool:
    """Return whether the host is an IP address or a name with one."""
    try:
        return bool(socket.getaddrinfo(host, None, flags=socket.AI_PASSIVE))
    except (OSError, UnicodeError):
        return False


def reached_at(host: str) -> str:
    """Return the host at which this machine reaches a server that listens on ``host``."""
    return WILDCARDS.get(host, host)


def address(host: str, port: int) -> str:
    """Return ``host:port`` as URLs and nginx write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
