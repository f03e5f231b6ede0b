"""Call webhooks over HTTP at public addresses only, checked before each connection."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from application.ports.webhook_caller import CallFailed

SECONDS = 10.0
PORTS = {"https": 443, "http": 80}
ACCEPTED = range(200, 300)

# Formally public, but reserved for a cloud's own services or for IPv4 embedded in IPv6.
FORBIDDEN = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",
            "::/96",
            "::ffff:0:0:0/96",
            "64:ff9b::/96",
            "64:ff9b:1::/48",
            "2001::/32",
            "2002::/16",
            "fec0::/10",
        ),
    )
)


class HttpWebhookCaller:
    """Calls webhooks. ``insecure`` allows loopback addresses and plain HTTP, for tests."""

    def __init__(self, *, insecure: bool = False, seconds: float = SECONDS) -> None:
        self._insecure = insecure
        self._seconds = seconds
        self._tls = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)

    def call(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        try:
            status = self._status(urlsplit(url), headers, body)
        except (OSError, HTTPException, ValueError) as error:
            raise CallFailed(type(error).__name__) from error
        if status not in ACCEPTED:
            raise CallFailed(f"status {status}")

    def may_call(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            addresses = _resolved(parts.hostname or "", parts.port or PORTS["https"])
        except (OSError, ValueError):
            return True
        return self._are_public(addresses)

    def _are_public(self, addresses: Sequence[str]) -> bool:
        return all(self._may_be_called(ip_address(address)) for address in addresses)

    def _status(self, url: SplitResult, headers: Mapping[str, str], body: bytes) -> int:
        if url.scheme != "https" and not (self._insecure and url.scheme == "http"):
            raise CallFailed("not https")
        host, port = url.hostname or "", url.port or PORTS[url.scheme]
        with self._wrapped(self._connected(host, port), host, url.scheme) as wire:
            # Limits the whole call: a receiver that sends a byte at times hits no socket timeout.
            hang_up = Timer(self._seconds, _end, (wire,))
            hang_up.start()
            try:
                return _posted(wire, url, headers, body)
            finally:
                hang_up.cancel()

    def _connected(self, host: str, port: int) -> socket.socket:
        """Connect to the address that was checked. A second look-up could return another one."""
        addresses = _resolved(host, port)
        if not self._are_public(addresses):
            raise CallFailed("not a public address")
        return _first(addresses, port, self._seconds)

    def _may_be_called(self, address: IPv4Address | IPv6Address) -> bool:
        address = getattr(address, "ipv4_mapped", None) or address
        if self._insecure and address.is_loopback:
            return True
        named = any(address in network for network in FORBIDDEN)
        return address.is_global and not address.is_multicast and not named

    def _wrapped(self, plain: socket.socket, host: str, scheme: str) -> socket.socket:
        if scheme == "http":
            return plain
        return self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]).partition("%")[0] for *_, address in found]


def _first(addresses: Sequence[str], port: int, seconds: float) -> socket.socket:
    """Connect to the first of the addresses that accepts."""
    for address in addresses[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout=seconds / len(addresses))
    return socket.create_connection((addresses[-1], port), timeout=seconds)


def _posted(wire: socket.socket, url: SplitResult, headers: Mapping[str, str], body: bytes) -> int:
    """Post the body. Returns the status of the reply and reads no more of it."""
    connection = HTTPConnection(url.netloc)
    connection.sock = wire
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    own = {"host": url.netloc, "user-agent": "klarity", "connection": "close"}
    connection.request("POST", path, body, {**own, **headers})
    with connection.getresponse() as reply:
        return reply.status


def _end(wire: socket.socket) -> None:
    """Shut the connection down, so that a blocked read or write ends, with TLS or without."""
    with suppress(OSError):
        socket.socket.shutdown(wire, socket.SHUT_RDWR)
