"""What all adapters of MongoDB share: connecting, and saying what is wrong in plain words."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import (
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from adapters.tls import USUAL, Tls
from application.ports.unavailable import Unavailable

Document = dict[str, Any]

DURABLE = WriteConcern(w="majority", j=True, wtimeout=10_000)
"""Confirmed by a majority of the replica set, in their journals, within 10 seconds."""

MAJORITY = ReadConcern("majority")
"""Only what can never be rolled back."""

# Whatever happens to a server, nobody waits for it for ever. The URL may say otherwise.
_TIMEOUTS: Document = {
    "serverSelectionTimeoutMS": 3_000,
    "connectTimeoutMS": 3_000,
    "socketTimeoutMS": 20_000,
    "waitQueueTimeoutMS": 10_000,
}


ABANDONED_SECONDS = 2.0
"""A transaction idle for so long belongs to a process that was killed, or stands still."""


class StoreMisconfigured(Exception):
    """The server is not what Klarity needs; the message says what to put right."""


def connect(url: str, name: str, tls: Tls = USUAL) -> Database[Document]:
    """Return the database of this name, durable by default. Raises StoreMisconfigured.

    Times come back as aware datetimes in UTC. Close it with ``database.client.close()``.
    """
    client = _client(url, f"klarity {name}", tls)
    try:
        _check(client)
    except BaseException:
        client.close()
        raise
    return client.get_database(name, write_concern=DURABLE, read_concern=MAJORITY)


@contextmanager
def unavailable_as(kind: type[Unavailable]) -> Iterator[None]:
    """Every error of the server or of the way to it becomes this one."""
    try:
        yield
    except PyMongoError as error:
        raise kind(f"MongoDB: {type(error).__name__}") from error


def end_abandoned_transactions(client: MongoClient[Document]) -> None:
    """End what killed processes left open: the server would keep the rows locked for a minute.

    It shows and ends a user's own sessions, which takes no right. Should the process live after
    all, it tries its transaction again. Where a hosted server does not show them, they run out.
    """
    abandoned = {
        "type": "idleSession",
        "appName": client.options.pool_options.appname,
        "transaction.timeInactiveMicros": {"$gt": ABANDONED_SECONDS * 1_000_000},
    }
    every = {"$currentOp": {"allUsers": False, "idleSessions": True}}
    with suppress(OperationFailure):
        found = client.admin.aggregate([every, {"$match": abandoned}])
        if sessions := [{"id": operation["lsid"]["id"]} for operation in found]:
            client.admin.command("killSessions", sessions)


def _client(url: str, application: str, tls: Tls) -> MongoClient[Document]:
    # What the driver says of a bad URL may quote the password in it.
    try:
        given = parse_uri(url, validate=True)["options"]
        defaults = {"appname": application, **_TIMEOUTS}
        if given.get("tls"):
            defaults |= _tls_options(tls)
        missing = {name: value for name, value in defaults.items() if name not in given}
        return MongoClient(url, tz_aware=True, **missing)
    except InvalidURI:
        raise StoreMisconfigured("The address of MongoDB is not a mongodb:// URL.") from None
    except (ConfigurationError, ValueError, TypeError):
        raise StoreMisconfigured("The address of MongoDB has an option it cannot have.") from None


def _tls_options(tls: Tls) -> Document:
    options = {"tlsCAFile": tls.ca, "tlsCertificateKeyFile": tls.certificate}
    return {name: path for name, path in options.items() if path}


def _check(client: MongoClient[Document]) -> None:
    try:
        hello = client.admin.command("hello")
    except ServerSelectionTimeoutError:
        raise StoreMisconfigured(_why_no_server(client)) from None
    except OperationFailure:
        raise StoreMisconfigured("MongoDB refused the user name or the password.") from None
    except PyMongoError as error:
        raise StoreMisconfigured(f"MongoDB does not answer ({type(error).__name__}).") from None
    if "setName" not in hello:
        raise StoreMisconfigured(_NO_REPLICA_SET)


_NO_REPLICA_SET = (
    "MongoDB must be a replica set (one node is enough): start mongod with --replSet and run "
    "rs.initiate() once."
)


def _why_no_server(client: MongoClient[Document]) -> str:
    servers = client.topology_description.server_descriptions().values()
    # The driver drops a server that answers as no member of the replica set that the URL names.
    if not servers or any(server.server_type_name == "RSGhost" for server in servers):
        return f"{_NO_REPLICA_SET} The replica set that the URL names must be the server's own."
    return "MongoDB cannot be reached: it is not running, or its address is wrong."
