"""The private servers keep the promises that the tests of the adapters need."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from google.cloud.pubsub_v1 import PublisherClient
from kombu.connection import Connection
from pymongo import MongoClient
from redis.backoff import NoBackoff
from redis.retry import Retry

from entrypoints.up.programs import HOST, ServerMissing, listens
from tests import conftest
from tests.servers import (
    Mongo,
    PubSub,
    RabbitMQ,
    Redis,
    RedisSearch,
    Server,
    ServerFailed,
    wait_until,
)
from tests.shared_servers import ADDRESS, SharedServers, ask

pytestmark = pytest.mark.system

KINDS = [Mongo, Redis, RedisSearch, RabbitMQ, PubSub]
PROJECT = "projects/kept"


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_answers_until_it_is_killed_and_again_when_it_is_started_again(
    kind: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    with kind() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"{HOST}:{server.port}")
        write, read = CLIENTS[kind]
        write(server.url)
        assert read(server.url) == ["kept"]
        server.kill()
        assert not listens(server.port)
        server.start()
        assert read(server.url) == ([] if kind is PubSub else ["kept"])
    assert not listens(server.port)
    assert not server.folder.exists()


def test_a_stopped_server_keeps_its_data() -> None:
    with Redis() as server:
        _write_to_redis(server.url)
        server.stop()
        assert not listens(server.port)
        server.start()
        assert _read_from_redis(server.url) == ["kept"]


def test_a_paused_server_accepts_connections_without_answering() -> None:
    with Redis() as server, _impatient(server) as client:
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()
        assert _read_from_redis(server.url) == []


def test_a_paused_server_can_be_stopped() -> None:
    with Redis() as server:
        server.pause()
        server.stop()
        assert not listens(server.port)


def test_starting_and_stopping_twice_have_no_effect() -> None:
    with Redis() as server:
        server.start()
        assert _read_from_redis(server.url) == []
        server.stop()
        server.stop()
        server.kill()


def test_stopping_rabbitmq_stops_its_name_server() -> None:
    with RabbitMQ() as server:
        assert listens(server.epmd_port)
    assert not listens(server.epmd_port)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_servers_end_with_the_tests_that_started_them(number: signal.Signals) -> None:
    script = """
        from tests.servers import Redis

        server = Redis()
        server.start()
        print(server.port, server.folder, flush=True)
        input()
    """
    with _python(script) as tests:
        assert tests.stdout is not None
        port, folder = tests.stdout.readline().split()
        assert listens(int(port))
        tests.send_signal(number)
    assert wait_until(lambda: not listens(int(port)), 30)
    assert wait_until(lambda: not Path(folder).exists(), 30)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [(Redis, "redis-server"), (RabbitMQ, "rabbitmq-server"), (PubSub, "default-jre-headless")],
)
def test_a_missing_server_says_what_to_install(
    kind: type[Server], advice: str, nothing_installed: None
) -> None:
    with pytest.raises(ServerMissing, match=f"apt-get install {advice}"), kind():
        pass


def test_a_missing_emulator_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.servers._google_cloud_sdks", lambda: [tmp_path])
    with pytest.raises(ServerMissing, match="gcloud components install pubsub-emulator"), PubSub():
        pass


@pytest.mark.parametrize("kind", [Mongo, RedisSearch])
def test_a_missing_package_with_a_server_says_what_to_install(
    kind: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.up.programs.find_spec", lambda _name: None)
    with pytest.raises(ServerMissing, match=r"requirements-dev\.txt"), kind():
        pass


def test_all_workers_of_a_run_share_one_server_that_ends_with_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with SharedServers() as servers:
        monkeypatch.setenv(ADDRESS, servers.address)
        with ThreadPoolExecutor(3) as workers:
            (url,) = set(workers.map(ask, [Redis] * 3))
        _write_to_redis(url)
        assert _read_from_redis(url) == ["kept"]
    assert not listens(int(url.partition(f"{HOST}:")[2].partition("/")[0]))
    assert not Path(servers.address).exists()


def test_a_run_starts_only_servers_that_a_test_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unwanted(Redis):
        def __init__(self) -> None:
            raise AssertionError("no test asked for it")

    with SharedServers({"Redis": Redis, "Mongo": Unwanted}) as servers:
        monkeypatch.setenv(ADDRESS, servers.address)
        ask(Redis)
        with pytest.raises(ServerFailed, match="no test asked for it"):
            ask(Mongo)


def test_tests_fail_when_their_server_is_missing(
    nothing_installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SharedServers() as servers:
        monkeypatch.setenv(ADDRESS, servers.address)
        with pytest.raises(pytest.fail.Exception, match="or point KLARITY_TEST_REDIS_URL"):
            conftest.url_of(Redis, "KLARITY_TEST_REDIS_URL")


def test_a_server_can_be_given_by_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_TEST_REDIS_URL", "redis://elsewhere")
    assert conftest.url_of(Redis, "KLARITY_TEST_REDIS_URL") == "redis://elsewhere"


def test_a_server_that_exits_at_once_fails_with_its_output() -> None:
    class Broken(Redis):
        def _command(self) -> Sequence[str]:
            return ["sh", "-c", "echo no luck today"]

    with pytest.raises(ServerFailed, match="no luck today"), Broken():
        pass


def test_a_server_that_never_answers_fails_after_some_time() -> None:
    class Mute(Redis):
        patience = 0.1

        def _command(self) -> Sequence[str]:
            return ["sleep", "60"]

    with pytest.raises(ServerFailed, match="did not answer"), Mute():
        pass


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.up.programs.shutil.which", lambda *_, **__: None)


def _impatient(server: Redis) -> redis.Redis:
    return redis.Redis(port=server.port, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))


def _python(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def _write_to_mongo(url: str) -> None:
    with MongoClient[dict[str, str]](url, w="majority", journal=True) as client:
        client.tests.things.insert_one({"_id": "kept"})


def _read_from_mongo(url: str) -> list[str]:
    with MongoClient[dict[str, str]](url) as client:
        return [thing["_id"] for thing in client.tests.things.find()]


def _write_to_redis(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set("kept", "")


def _read_from_redis(url: str) -> list[str]:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return [str(key) for key in client.scan_iter()]


def _write_to_rabbitmq(url: str) -> None:
    confirmed = {"confirm_publish": True}
    with Connection(url, transport_options=confirmed) as connection:
        queue = connection.SimpleQueue("things")
        queue.put("kept")
        queue.close()


def _read_from_rabbitmq(url: str) -> list[str]:
    with Connection(url) as connection:
        queue = connection.SimpleQueue("things")
        message = queue.get(timeout=60)
        message.requeue()
        queue.close()
        return [message.payload]


def _write_to_pubsub(_url: str) -> None:
    with PublisherClient() as client:
        client.create_topic(name=f"{PROJECT}/topics/kept")


def _read_from_pubsub(_url: str) -> list[str]:
    with PublisherClient() as client:
        topics = client.list_topics(project=PROJECT)
        return [topic.name.rpartition("/")[2] for topic in topics]


Client = tuple[Callable[[str], None], Callable[[str], list[str]]]
CLIENTS: dict[type[Server], Client] = {
    Mongo: (_write_to_mongo, _read_from_mongo),
    Redis: (_write_to_redis, _read_from_redis),
    RedisSearch: (_write_to_redis, _read_from_redis),
    RabbitMQ: (_write_to_rabbitmq, _read_from_rabbitmq),
    PubSub: (_write_to_pubsub, _read_from_pubsub),
}
