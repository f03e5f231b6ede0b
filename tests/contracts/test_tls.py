"""TLS to every server: the server is authenticated and may demand a client certificate."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis
from flask import Flask
from kombu.connection import Connection
from pymongo import MongoClient
from werkzeug.serving import make_server

from adapters.codec.cloudevents import CloudEventsWire
from adapters.history.http import HttpHistory
from adapters.message_bus.rabbitmq import RabbitMqBus
from adapters.message_bus.redis import RedisBus
from adapters.mongo import StoreMisconfigured, connect
from adapters.search_index.redis import RedisSearchIndex
from adapters.tls import Tls
from application.ports.event_store import StoreUnavailable
from application.ports.history import HistoryUnavailable
from application.ports.message_bus import BusUnavailable, Message
from entrypoints.http.history import history_blueprint
from entrypoints.http.problems import register_problems
from tests.certificates import Authority
from tests.servers import HOST, Mongo, RabbitMQ, Redis, RedisSearch
from tests.world import World

pytestmark = pytest.mark.system

TOKEN = "a token for services"

Ask = Callable[[str, Tls], object]


class TlsRedis(Redis):
    """Speaks TLS alone, with those who have a certificate."""

    def __init__(self, certificate: Path, authority: Authority) -> None:
        super().__init__()
        self.certificate, self.authority = certificate, authority

    @property
    def url(self) -> str:
        return super().url.replace("redis:", "rediss:")

    def _command(self) -> Sequence[str]:
        own = str(self.certificate)
        return [
            *(part if part != "--port" else "--tls-port" for part in super()._command()),
            *("--port", "0", "--tls-ca-cert-file", str(self.authority.ca)),
            *("--tls-cert-file", own, "--tls-key-file", own, "--tls-auth-clients", "yes"),
        ]

    def _ask(self) -> None:
        own = str(self.certificate)
        with redis.Redis.from_url(
            self.url, ssl_ca_certs=str(self.authority.ca), ssl_certfile=own, socket_timeout=5
        ) as client:
            client.ping()


class TlsRedisSearch(TlsRedis, RedisSearch):
    """The same with the search module."""


class TlsRabbitMQ(RabbitMQ):
    """Speaks TLS alone, with those who have a certificate."""

    def __init__(self, certificate: Path, authority: Authority) -> None:
        super().__init__()
        self.certificate, self.authority = certificate, authority
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp = none\nlisteners.ssl.default = {HOST}:{self.port}\n"
            f"ssl_options.cacertfile = {authority.ca}\n"
            f"ssl_options.certfile = {certificate}\nssl_options.keyfile = {certificate}\n"
            "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"
        )

    @property
    def url(self) -> str:
        return super().url.replace("amqp:", "amqps:")

    def _ask(self) -> None:
        options = {
            "ca_certs": str(self.authority.ca),
            "certfile": str(self.certificate),
            "cert_reqs": ssl.CERT_REQUIRED,
        }
        with Connection(self.url, ssl=options, connect_timeout=5) as connection:
            connection.connect()


class TlsMongo(Mongo):
    """Speaks TLS alone, with those who have a certificate."""

    def __init__(self, certificate: Path, authority: Authority) -> None:
        super().__init__()
        self.certificate, self.authority = certificate, authority

    @property
    def url(self) -> str:
        return f"{super().url}&tls=true&serverSelectionTimeoutMS=3000"

    def _command(self) -> Sequence[str]:
        return [
            *super()._command(),
            *("--tlsMode", "requireTLS", "--tlsCertificateKeyFile", str(self.certificate)),
            *("--tlsCAFile", str(self.authority.ca)),
        ]

    def _client(self, *where: Any, **options: Any) -> MongoClient[dict[str, object]]:
        return super()._client(
            *where,
            tls=True,
            tlsCAFile=str(self.authority.ca),
            tlsCertificateKeyFile=str(self.certificate),
            **options,
        )


class TlsPublisher:
    """A command service that serves its log over HTTPS, to those who have a certificate."""

    def __init__(self, certificate: Path, authority: Authority) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca)
        context.load_cert_chain(certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        world = World()
        world.member()
        app = Flask("publisher")
        app.register_blueprint(history_blueprint(world.history, world.wire, TOKEN, ("members",)))
        register_problems(app)
        self._server = make_server(HOST, 0, app, threaded=True, ssl_context=context)
        self._thread = Thread(target=self._server.serve_forever)
        self.url = f"https://{HOST}:{self._server.server_port}"

    def __enter__(self) -> "TlsPublisher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def ask_redis(url: str, tls: Tls) -> None:
    _publish(RedisBus(url, "tls", tls=tls))


def ask_redis_search(url: str, tls: Tls) -> None:
    index = RedisSearchIndex.from_url(url, "tls", tls)
    try:
        assert index.versions("none") == []
    finally:
        index.close()


def ask_rabbitmq(url: str, tls: Tls) -> None:
    _publish(RabbitMqBus(url, "tls", tls=tls))


def ask_mongo(url: str, tls: Tls) -> None:
    connect(url, "klarity", tls).client.close()


def ask_history(url: str, tls: Tls) -> None:
    history = HttpHistory({"members": url}, TOKEN, CloudEventsWire(), tls)
    try:
        assert history.last_position("members") == 1
    finally:
        history.close()


def _publish(bus: RedisBus | RabbitMqBus) -> None:
    try:
        bus.publish("members", [Message(b"body")])
    finally:
        bus.close()


KINDS: dict[str, tuple[Callable[[Path, Authority], Any], Ask, type[Exception]]] = {
    "redis": (TlsRedis, ask_redis, BusUnavailable),
    "redis-search": (TlsRedisSearch, ask_redis_search, StoreUnavailable),
    "rabbitmq": (TlsRabbitMQ, ask_rabbitmq, BusUnavailable),
    "mongo": (TlsMongo, ask_mongo, StoreMisconfigured),
    "history": (TlsPublisher, ask_history, HistoryUnavailable),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that nobody should trust."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Tls:
    """As an operator would set it."""
    return Tls(ca=str(authority.ca), certificate=str(authority.issue("client", HOST)))


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, authority: Authority) -> Iterator[tuple[str, str]]:
    """The kind of a server, and its address."""
    make, *_ = KINDS[request.param]
    with make(authority.issue("server", HOST), authority) as started:
        yield request.param, started.url


@pytest.fixture
def ask(server: tuple[str, str]) -> Ask:
    return KINDS[server[0]][1]


@pytest.fixture
def refusal(server: tuple[str, str]) -> type[Exception]:
    return KINDS[server[0]][2]


def test_a_server_with_a_certificate_of_the_trusted_authority_is_accepted(
    server: tuple[str, str], ask: Ask, tls: Tls
) -> None:
    ask(server[1], tls)


def test_a_server_with_a_certificate_of_another_authority_is_refused(
    server: tuple[str, str], ask: Ask, refusal: type[Exception], tls: Tls, stranger: Authority
) -> None:
    for ca in (str(stranger.ca), ""):
        with pytest.raises(refusal):
            ask(server[1], replace(tls, ca=ca))


def test_a_server_with_a_certificate_for_another_name_is_refused(
    server: tuple[str, str], ask: Ask, refusal: type[Exception], tls: Tls
) -> None:
    with pytest.raises(refusal):
        ask(server[1].replace(HOST, "localhost"), tls)


def test_a_server_that_demands_a_client_certificate_refuses_a_client_without_one(
    server: tuple[str, str], ask: Ask, refusal: type[Exception], tls: Tls
) -> None:
    with pytest.raises(refusal):
        ask(server[1], replace(tls, certificate=""))
