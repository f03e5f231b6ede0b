"""The servers that Klarity uses, on this machine: how each is started, and whether it answers."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import redis
from kombu.connection import Connection
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from entrypoints.up.programs import HOST, listens, mongod, openssl, program, redis_stack

ALREADY_INITIALIZED = 23

# Erlang starts a name server of its own, out of the group, if it finds none. RabbitMQ now and then
# starts an Erlang for just that, which may outlive it and find that the name server was killed.
NO_NAME_SERVER_OF_THEIR_OWN = "-start_epmd false"
# With a scheduler for each core, a start takes half as much of the processor again.
ONE_SCHEDULER = "+S 1:1"
NO_OTHER_MACHINES = "-kernel inet_dist_use_interface {127,0,0,1}"

START_RABBITMQ = """
until "$0" -names >/dev/null 2>&1; do
    "$0" &
    sleep 0.2
done
exec "$1"
"""


class LocalServer(ABC):
    """A server on a port of this machine, with its data in a folder."""

    name: ClassVar[str]

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the program and its arguments. Raises ServerMissing."""

    @abstractmethod
    def _ask(self) -> None:
        """Make the server answer as a client would. Raises what its client raises."""

    def _environment(self) -> Mapping[str, str]:
        return {}

    def command(self) -> Sequence[str]:
        """Return the program and its arguments. Raises ServerMissing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._command()

    def environment(self) -> Mapping[str, str]:
        """Return the variables that the program needs."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self._environment()

    def answers(self) -> bool:
        """Return whether the server is of use."""
        if not listens(self.port):
            return False
        try:
            self._ask()
        except Exception:  # noqa: BLE001 - a starting server refuses in as many ways as it likes
            return False
        return True


class Mongo(LocalServer):
    """MongoDB as a replica set of one."""

    name = "mongodb"

    @property
    def url(self) -> str:
        return f"mongodb://{HOST}:{self.port}/?replicaSet=rs0"

    def _command(self) -> Sequence[str]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        return [
            *(mongod(), "--dbpath", str(data), "--replSet", "rs0"),
            *("--bind_ip", HOST, "--port", str(self.port), "--nounixsocket"),
            *("--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "200"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ]

    def _ask(self) -> None:
        self._initiate()
        with self._client(self.url) as client:
            client.admin.command("ping")

    def _initiate(self) -> None:
        members = [{"_id": 0, "host": f"{HOST}:{self.port}"}]
        with self._client(HOST, self.port, directConnection=True) as client:
            try:
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
            except OperationFailure as failure:
                if failure.code != ALREADY_INITIALIZED:
                    raise

    def _client(self, *where: Any, **options: Any) -> MongoClient[dict[str, object]]:
        return MongoClient(*where, serverSelectionTimeoutMS=5000, **options)


class GuardedMongo(Mongo):
    """MongoDB that asks who somebody is. It has one user, for Klarity."""

    def __init__(self, folder: Path, port: int, key: Path) -> None:
        super().__init__(folder, port)
        self._key = key

    @property
    def url(self) -> str:
        return f"mongodb://{self._user}@{HOST}:{self.port}/?replicaSet=rs0"

    @property
    def _user(self) -> str:
        return f"klarity:{self._key.read_text()}"

    def _command(self) -> Sequence[str]:
        return [*super()._command(), "--auth", "--keyFile", str(self._key)]

    def _initiate(self) -> None:
        """Make the replica set and the user at the first start. Later, follow a changed port."""
        direct = f"mongodb://{{}}{HOST}:{self.port}/?directConnection=true"
        with self._client(direct.format(f"{self._user}@")) as client:
            try:
                self._follow_port(client)
            except OperationFailure:
                super()._initiate()
                with self._client(direct.format("")) as nobody:
                    self._make_user(nobody)

    def _follow_port(self, client: MongoClient[dict[str, Any]]) -> None:
        config = client.admin.command("replSetGetConfig")["config"]
        (member,) = config["members"]
        if member["host"] != (here := f"{HOST}:{self.port}"):
            member["host"] = here
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)

    def _make_user(self, client: MongoClient[dict[str, Any]]) -> None:
        """Make the user. MongoDB permits it to anybody on this machine while there is none."""
        roles = ["readWriteAnyDatabase", "clusterManager"]  # only roles of this database
        client.admin.command("createUser", "klarity", pwd=self._key.read_text(), roles=roles)


class Redis(LocalServer):
    """Redis with an append-only file, synced every second."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def _command(self) -> Sequence[str]:
        return [
            *(self._program(), "--dir", str(self.folder)),
            *("--bind", HOST, "--port", str(self.port)),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
        ]

    def _program(self) -> str:
        return program("redis-server", "redis-server")

    def _ask(self) -> None:
        with redis.Redis.from_url(self.url, socket_timeout=5) as client:
            client.ping()


class RedisSearch(Redis):
    """Redis with its search module, as the Python package of Redis Stack brings them along."""

    def _command(self) -> Sequence[str]:
        return [*super()._command(), "--loadmodule", str(redis_stack() / "lib" / "redisearch.so")]

    def _program(self) -> str:
        return str(redis_stack() / "bin" / "redis-server")

    def _environment(self) -> Mapping[str, str]:
        return {"LD_LIBRARY_PATH": str(self._libraries())}

    def _libraries(self) -> Path:
        """Return a folder with OpenSSL 1.1, which the server needs and Debian 12 does not have."""
        folder = self.folder / "lib"
        folder.mkdir(exist_ok=True)
        for library in openssl():
            link = folder / f"{library.name.partition('-')[0]}.so.1.1"
            link.unlink(missing_ok=True)
            link.symlink_to(library)
        return folder


class GuardedRedisSearch(RedisSearch):
    """The same with a password, in a file that its user alone can read."""

    def __init__(self, folder: Path, port: int, key: Path) -> None:
        super().__init__(folder, port)
        self._key = key

    @property
    def url(self) -> str:
        return f"redis://:{self._key.read_text()}@{HOST}:{self.port}/0"

    def _command(self) -> Sequence[str]:
        program_, *arguments = super()._command()
        file = self.folder / "redis.conf"
        file.touch(mode=0o600)
        file.write_text(f"requirepass {self._key.read_text()}\n")
        return [program_, str(file), *arguments]


class RabbitMQ(LocalServer):
    """RabbitMQ with a name server (epmd) of its own, in the same process group."""

    name = "rabbitmq"

    # Debian's script in the PATH changes to another user; this is the one that it calls.
    scripts = "/usr/lib/rabbitmq/bin"

    def __init__(self, folder: Path, port: int, epmd_port: int, distribution_port: int) -> None:
        super().__init__(folder, port)
        self.epmd_port = epmd_port
        self.distribution_port = distribution_port

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self.port}//"

    def _command(self) -> Sequence[str]:
        search = f"{self.scripts}:{os.environ.get('PATH', os.defpath)}"
        server = program("rabbitmq-server", "rabbitmq-server", search)
        epmd = program("epmd", "erlang-base")
        return ["sh", "-c", START_RABBITMQ, epmd, server]

    def _environment(self) -> Mapping[str, str]:
        folder = self.folder
        return {
            "HOME": str(folder),
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_FLAGS": NO_NAME_SERVER_OF_THEIR_OWN,
            "RABBITMQ_NODENAME": "klarity@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "config"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{ONE_SCHEDULER} {NO_OTHER_MACHINES}",
        }

    def _ask(self) -> None:
        with Connection(self.url, connect_timeout=5) as connection:
            connection.connect()


class GuardedRabbitMQ(RabbitMQ):
    """The same with a user of its own instead of the one that every RabbitMQ has."""

    def __init__(self, folder: Path, ports: Sequence[int], key: Path) -> None:
        super().__init__(folder, *ports)
        self._key = key

    @property
    def url(self) -> str:
        return f"amqp://klarity:{self._key.read_text()}@{HOST}:{self.port}//"

    def _command(self) -> Sequence[str]:
        file = self.folder / "rabbitmq.conf"
        file.touch(mode=0o600)
        file.write_text(f"default_user = klarity\ndefault_pass = {self._key.read_text()}\n")
        return super()._command()
