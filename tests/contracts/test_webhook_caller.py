"""What all WebhookCallers promise, against real receivers."""

import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from adapters.webhook_caller.http import HttpWebhookCaller
from application.ports.webhook_caller import CallFailed, WebhookCaller
from tests.contracts.nothing import assert_fails_against_nothing

SECONDS = 4.0
HEADERS = {"webhook-id": "m1", "content-type": "application/json"}
BODY = '{"café": 1}'.encode()


class Receiver(ThreadingHTTPServer):
    """Keeps the calls that it gets, and answers as the path asks for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.calls: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Callers hang up: that is no error here."""


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: Any = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.calls.append((self.path, headers, body))
        match self.path.split("/")[1]:
            case "slow":
                self._drip(b"HTTP/1.1 ")
            case "endless":
                self._drip(b"HTTP/1.1 200 OK\r\n\r\n")
            case "gibberish":
                self.wfile.write(b"what?\r\n\r\n")
            case status:
                self.send_response(int(status))
                self.send_header("Location", f"{receiver.url}/200")
                self.end_headers()

    def _drip(self, begin: bytes) -> None:
        self.wfile.write(begin)
        for _ in range(1000):
            self.wfile.write(b"2")
            time.sleep(SECONDS / 10)

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def serving(receiver: Receiver) -> Iterator[Receiver]:
    thread = Thread(target=receiver.serve_forever, args=(0.05,))
    thread.start()
    yield receiver
    receiver.shutdown()
    thread.join()
    receiver.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving(Receiver()) as receiver:
        yield receiver


def promptly(call: Callable[[], None]) -> None:
    began = time.monotonic()
    call()
    assert time.monotonic() - began < 60 * SECONDS


SELF_SIGNED = (
    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
    *("-subj", "/CN=news.example", "-addext", "subjectAltName=DNS:news.example"),
)
FORBIDDEN = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",  # noqa: S104 - an address to be refused, nothing is bound to it
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[::]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[2002:a00:1::]",
]


class WebhookCallerContract:
    def test_the_receiver_gets_headers_and_body_unchanged(
        self, caller: WebhookCaller, receiver: Receiver
    ) -> None:
        caller.call(f"{receiver.url}/200/hook?a=1", HEADERS, BODY)
        ((path, headers, body),) = receiver.calls
        assert (path, body) == ("/200/hook?a=1", BODY)
        assert headers.items() >= HEADERS.items()
        assert headers["host"] == receiver.url.removeprefix("http://")

    @pytest.mark.parametrize("status", ["400", "404", "410", "500", "503"])
    def test_a_status_other_than_success_is_a_failure(
        self, caller: WebhookCaller, receiver: Receiver, status: str
    ) -> None:
        with pytest.raises(CallFailed, match=status):
            caller.call(f"{receiver.url}/{status}", HEADERS, BODY)

    @pytest.mark.parametrize("status", ["301", "302", "307", "308"])
    def test_a_redirect_is_not_followed(
        self, caller: WebhookCaller, receiver: Receiver, status: str
    ) -> None:
        with pytest.raises(CallFailed):
            caller.call(f"{receiver.url}/{status}", HEADERS, BODY)
        assert len(receiver.calls) == 1

    def test_a_call_to_a_receiver_that_never_finishes_is_aborted(
        self, caller: WebhookCaller, receiver: Receiver
    ) -> None:
        def call() -> None:
            with pytest.raises(CallFailed):
                caller.call(f"{receiver.url}/slow", HEADERS, BODY)

        promptly(call)

    def test_the_body_of_the_reply_is_not_read(
        self, caller: WebhookCaller, receiver: Receiver
    ) -> None:
        promptly(lambda: caller.call(f"{receiver.url}/endless", HEADERS, BODY))
        assert receiver.calls

    def test_a_reply_other_than_http_is_a_failure(
        self, caller: WebhookCaller, receiver: Receiver
    ) -> None:
        with pytest.raises(CallFailed):
            caller.call(f"{receiver.url}/gibberish", HEADERS, BODY)

    def test_an_unreachable_receiver_is_a_failure(self, caller: WebhookCaller) -> None:
        with pytest.raises(CallFailed):
            caller.call("http://127.0.0.1:9/", HEADERS, BODY)

    @pytest.mark.parametrize("address", FORBIDDEN)
    def test_an_address_that_is_not_public_is_not_called(
        self, caller: WebhookCaller, address: str
    ) -> None:
        with pytest.raises(CallFailed, match="not a public address"):
            caller.call(f"http://{address}/", HEADERS, BODY)
        assert not caller.may_call(f"https://{address}/hook")

    def test_a_public_address_may_be_called(self, caller: WebhookCaller) -> None:
        assert caller.may_call("https://93.184.215.14/hook")

    @pytest.mark.parametrize("address", ["https://nowhere.invalid/", "https://[::/", "x", ""])
    def test_an_address_that_cannot_be_resolved_yet_is_allowed(
        self, caller: WebhookCaller, address: str
    ) -> None:
        assert caller.may_call(address)


class TestHttpWebhookCaller(WebhookCallerContract):
    @pytest.fixture
    def caller(self) -> WebhookCaller:
        return HttpWebhookCaller(insecure=True, seconds=SECONDS)

    @pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]"])
    def test_an_address_of_this_machine_is_called_in_tests_only(self, address: str) -> None:
        with pytest.raises(CallFailed, match="not a public address"):
            HttpWebhookCaller().call(f"https://{address}/", HEADERS, BODY)

    def test_an_address_without_tls_is_not_called(self, receiver: Receiver) -> None:
        with pytest.raises(CallFailed, match="not https"):
            HttpWebhookCaller().call(f"{receiver.url}/200", HEADERS, BODY)
        assert receiver.calls == []

    def test_a_name_with_one_address_that_is_not_public_is_not_called(
        self, caller: WebhookCaller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = resolver("127.0.0.1", "10.0.0.1")
        monkeypatch.setattr(socket, "getaddrinfo", names)
        with pytest.raises(CallFailed, match="not a public address"):
            caller.call(f"http://two.example:{receiver.server_port}/200", HEADERS, BODY)
        assert receiver.calls == []

    def test_a_name_is_resolved_once_and_the_checked_address_is_called(
        self, caller: WebhookCaller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        real = socket.getaddrinfo

        def rebinding(host: str, port: int, *rest: Any, **more: Any) -> Any:
            if host == "rebinding.example":
                asked.append(host)
                host = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
            return real(host, port, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        caller.call(f"http://rebinding.example:{receiver.server_port}/200", HEADERS, BODY)
        ((_, headers, _),) = receiver.calls
        assert headers["host"] == f"rebinding.example:{receiver.server_port}"
        assert len(asked) == 1

    def test_the_next_address_is_called_if_the_first_is_unreachable(
        self, caller: WebhookCaller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.2", "127.0.0.1"))
        caller.call(f"http://two.example:{receiver.server_port}/200", HEADERS, BODY)
        assert len(receiver.calls) == 1


def resolver(*addresses: str) -> Callable[..., Any]:
    """Names that resolve to these; addresses resolve to themselves."""
    real = socket.getaddrinfo

    def names(host: str, port: int, *rest: Any, **more: Any) -> Any:
        hosts = addresses if host.endswith(".example") else (host,)
        return [found for each in hosts for found in real(each, port, *rest, **more)]

    return names


class TestTls:
    """The certificate has to be of the name that is called, and of somebody trusted."""

    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        path = tmp_path / "both.pem"
        subprocess.run(
            [*SELF_SIGNED, "-keyout", path, "-out", tmp_path / "cert.pem"],
            check=True,
            capture_output=True,
        )
        path.write_text(path.read_text() + (tmp_path / "cert.pem").read_text())
        return path

    @pytest.fixture
    def receiver(self, certificate: Path) -> Iterator[Receiver]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        receiver = Receiver()
        receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
        with serving(receiver):
            yield receiver

    @pytest.fixture
    def caller(self, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> HttpWebhookCaller:
        monkeypatch.setattr(socket, "getaddrinfo", resolver("127.0.0.1"))
        caller = HttpWebhookCaller(insecure=True, seconds=SECONDS)
        caller._tls.load_verify_locations(certificate)
        return caller

    def test_the_certificate_is_checked_for_the_name_in_the_address(
        self, caller: HttpWebhookCaller, receiver: Receiver
    ) -> None:
        caller.call(f"https://news.example:{receiver.server_port}/200", HEADERS, BODY)
        assert len(receiver.calls) == 1

    @pytest.mark.parametrize("path", ["slow", "500"])
    def test_failures_are_the_same_with_tls(
        self, caller: HttpWebhookCaller, receiver: Receiver, path: str
    ) -> None:
        def call() -> None:
            with pytest.raises(CallFailed):
                caller.call(f"https://news.example:{receiver.server_port}/{path}", HEADERS, BODY)

        promptly(call)

    def test_a_certificate_for_another_name_is_refused(
        self, caller: HttpWebhookCaller, receiver: Receiver
    ) -> None:
        with pytest.raises(CallFailed, match="SSLCertVerificationError"):
            caller.call(f"https://other.example:{receiver.server_port}/200", HEADERS, BODY)
        assert receiver.calls == []

    def test_a_self_signed_certificate_is_refused(
        self, receiver: Receiver, caller: HttpWebhookCaller
    ) -> None:
        strict = HttpWebhookCaller(insecure=True, seconds=SECONDS)
        with pytest.raises(CallFailed, match="SSLCertVerificationError"):
            strict.call(f"https://news.example:{receiver.server_port}/200", HEADERS, BODY)
        assert receiver.calls == []


class Nothing:
    def call(self, url: str, headers: Mapping[str, str], body: bytes) -> None: ...


def test_doing_nothing_breaks_every_promise() -> None:
    with serving(Receiver()) as receiver:
        assert_fails_against_nothing(WebhookCallerContract, caller=Nothing(), receiver=receiver)
