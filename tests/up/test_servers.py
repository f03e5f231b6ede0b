"""The servers of `klarity up` ask for a password, and follow a port that changed."""

from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from amqp.exceptions import AccessRefused
from kombu.connection import Connection
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from entrypoints.up import servers
from entrypoints.up.folder import Folder
from entrypoints.up.programs import HOST, free_port
from tests.servers import Server

pytestmark = pytest.mark.system


def key_in(folder: Path) -> Path:
    with Folder(folder / "keys") as own:
        return own.key("server")


class OwnMongo(Server, servers.GuardedMongo):
    def __init__(self) -> None:
        super().__init__()
        self._key = key_in(self.folder)


class OwnRedis(Server, servers.GuardedRedisSearch):
    def __init__(self) -> None:
        super().__init__()
        self._key = key_in(self.folder)


class OwnRabbitMQ(Server, servers.GuardedRabbitMQ):
    def __init__(self) -> None:
        super().__init__()
        self._key = key_in(self.folder)
        self.epmd_port, self.distribution_port = free_port(), free_port()


def read_mongo(port: int) -> None:
    with MongoClient[dict[str, object]](HOST, port, directConnection=True) as client:
        client.klarity.members.find_one()


def read_redis(port: int) -> None:
    with redis.Redis(host=HOST, port=port) as client:
        client.get("members")


def read_rabbitmq(port: int) -> None:
    with Connection(f"amqp://guest:guest@{HOST}:{port}//") as connection:
        connection.connect()


@pytest.mark.parametrize(
    ("kind", "read", "refusal"),
    [
        (OwnMongo, read_mongo, OperationFailure),
        (OwnRedis, read_redis, redis.AuthenticationError),
        (OwnRabbitMQ, read_rabbitmq, AccessRefused),
    ],
)
def test_nobody_gets_in_without_the_password(
    kind: type[Server], read: Callable[[int], None], refusal: type[Exception]
) -> None:
    with kind() as server:
        assert server.answers()
        with pytest.raises(refusal):
            read(server.port)


def test_mongodb_follows_its_port() -> None:
    with OwnMongo() as server:
        with MongoClient[dict[str, str]](server.url) as client:
            client.klarity.things.insert_one({"_id": "kept"})
        server.stop()
        server.port = free_port()
        server.start()
        with MongoClient[dict[str, str]](server.url) as client:
            assert client.klarity.things.find_one() == {"_id": "kept"}
