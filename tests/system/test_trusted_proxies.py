"""Behind proxies of one's own, such as one for TLS, each client is told apart, and none poses."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Semaphore, Thread
from urllib.parse import urlsplit

import pytest

from application.system import services
from entrypoints.nginx import CONNECTIONS
from tests.certificates import Authority
from tests.servers import free_port
from tests.system.deployment import nginx, nginx_at, one_process, relaxed

pytestmark = pytest.mark.system

PROXY, STRANGER = "127.0.0.2", "127.0.0.3"
ARRIVES_WITHIN = 60.0
TLS_FRONT = """\
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    access_log off;
    location / {{
        proxy_pass {url};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
}}
"""


class Service(ThreadingHTTPServer):
    """Answers with the client that it is told of; at /held, only when it is released."""

    request_queue_size = 2 * CONNECTIONS
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), Answer)
        self.arrived = Semaphore(0)
        self.released = Event()


class Answer(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        if self.path == "/held":
            self.server.arrived.release()
            self.server.released.wait(ARRIVES_WITHIN)
        told = ", ".join(self.headers.get_all("X-Forwarded-For", ())).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serving() -> Iterator[Service]:
    with Service() as service:
        Thread(target=service.serve_forever, daemon=True).start()
        yield service
        service.released.set()
        service.shutdown()


def at_port(port: int) -> dict[str, str]:
    return {service.id: f"127.0.0.1:{port}" for service in services()}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving() as service:
        yield service


@pytest.fixture(scope="module")
def trusting(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("trusting") / "nginx"
    with nginx(folder, at_port(service.server_port), trust=[f"{PROXY}/32"]) as url:
        yield url


@pytest.fixture(scope="module")
def cautious(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cautious") / "nginx"
    with nginx(folder, at_port(service.server_port)) as url:
        yield url


def asked(url: str, sender: str, claimed: str, path: str = "/") -> HTTPConnection:
    """A request from the address, which says for whom it is."""
    place = urlsplit(url)
    connection = HTTPConnection(
        place.hostname or "", place.port, timeout=ARRIVES_WITHIN, source_address=(sender, 0)
    )
    connection.request("GET", path, headers={"X-Forwarded-For": claimed} if claimed else {})
    return connection


def client_seen(url: str, sender: str, claimed: str) -> str:
    with closing(asked(url, sender, claimed)) as connection:
        return connection.getresponse().read().decode()


@pytest.mark.parametrize(
    ("claimed", "seen"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.7:5678", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the client itself wrote the first
        (f"203.0.113.7, {PROXY}", "203.0.113.7"),  # two proxies
        ("nobody", PROXY),
        ("", PROXY),
    ],
)
def test_a_trusted_proxy_says_who_the_client_is(trusting: str, claimed: str, seen: str) -> None:
    assert client_seen(trusting, PROXY, claimed) == seen


def test_nobody_else_says_who_the_client_is(trusting: str, cautious: str) -> None:
    assert client_seen(trusting, STRANGER, "203.0.113.7") == STRANGER
    assert client_seen(cautious, PROXY, "203.0.113.7") == PROXY


@pytest.mark.parametrize(
    ("greedy", "other"),
    [
        ("203.0.113.7", "203.0.113.8"),
        ("2001:db8:1:2::{:x}", "2001:db8:1:3::1"),
        ("2001:db8:1:2:{:x}::5", "2001:db8:1:3::1"),
        ("2001:db8::{:x}", "2001:db8:0:1::1"),
    ],
)
def test_a_client_takes_no_connections_from_others(greedy: str, other: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(serving())
        addresses = at_port(service.server_port)
        url = stack.enter_context(nginx(tmp_path / "nginx", addresses, trust=[f"{PROXY}/32"]))
        for number in range(1, CONNECTIONS + 1):
            stack.enter_context(closing(asked(url, PROXY, greedy.format(number), "/held")))
            assert service.arrived.acquire(timeout=ARRIVES_WITHIN)
        assert status(stack, url, greedy.format(0xFFFF)) == 429
        assert status(stack, url, other) == 200


def status(stack: ExitStack, url: str, client: str) -> int:
    return stack.enter_context(closing(asked(url, PROXY, client))).getresponse().status


def test_limits_tell_clients_apart_behind_tls_and_nginx(tmp_path: Path) -> None:
    """The way of a request: a proxy for TLS, which adds to what a client claims; nginx; Klarity."""
    limits = {**relaxed(), "RATE_LIMIT": "3 per year", "PROXIES": "1"}
    authority, port = Authority(tmp_path), free_port()
    with ExitStack() as stack:
        klarity = stack.enter_context(
            one_process(tmp_path / "klarity", SERVICES="command:members", **limits)
        )
        url = stack.enter_context(
            nginx(tmp_path / "nginx", at_port(klarity.port), trust=["127.0.0.1/32"])
        )
        certificate = authority.issue("front", "127.0.0.1")
        front = TLS_FRONT.format(port=port, certificate=certificate, url=url)
        stack.enter_context(nginx_at(tmp_path / "front", port, front))
        context = ssl.create_default_context(cafile=authority.ca)
        greedy = [over_tls(port, context, "127.0.0.5", f"203.0.113.{n}") for n in range(4)]
        assert greedy == [200, 200, 200, 429]
        assert over_tls(port, context, "127.0.0.6", "127.0.0.5") == 200


def over_tls(port: int, context: ssl.SSLContext, sender: str, claimed: str) -> int:
    connection = HTTPSConnection(
        "127.0.0.1", port, timeout=ARRIVES_WITHIN, source_address=(sender, 0), context=context
    )
    connection.request("GET", "/v1/instance", headers={"X-Forwarded-For": claimed})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status
