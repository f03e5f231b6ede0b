"""What all MongoDB adapters share: the connection, and clear errors about the set-up."""

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
"""Reads return only data that cannot be rolled back."""

# Limits for a server that does not answer. Options in the URL override them.
_TIMEOUTS: Document = {
    "serverSelectionTimeoutMS": 3_000,
    "connectTimeoutMS": 3_000,
    "socketTimeoutMS": 20_000,
    "waitQueueTimeoutMS": 10_000,
}


ABANDONED_SECONDS = 2.0
"""A transaction idle for this long belongs to a process that was killed or is paused."""


class StoreMisconfigured(Exception):
    """The server does not meet the requirements. The message says what to change."""


def connect(url: str, name: str, tls: Tls = USUAL) -> Database[Document]:
    """Connect to the database of this name. Raises StoreMisconfigured.

    Writes are durable by default, and times are read in UTC. The caller closes the connection with
    ``database.client.close()``.
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
    """Raise ``kind`` in place of every error of the driver."""
    try:
        yield
    except PyMongoError as error:
        raise kind(f"MongoDB: {type(error).__name__}") from error


def end_abandoned_transactions(client: MongoClient[Document]) -> None:
    """End the open transactions of killed processes, which would lock their rows for a minute.

    It lists and ends sessions of its own user only, which needs no privilege. A process that was
    merely paused tries its transaction again. If a hosted server does not list sessions, the
    transactions time out.
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
    # The driver's message about a bad URL may quote the password, so it is not passed on.
    try:
        given = parse_uri(url, validate=True)["options"]
        defaults = {"appname": application, **_TIMEOUTS}
        if given.get("tls"):
            defaults |= _tls_options(tls)
        missing = {name: value for name, value in defaults.items() if name not in given}
        return MongoClient(url, tz_aware=True, **missing)
    except InvalidURI:
        raise StoreMisconfigured("The address of MongoDB must be a mongodb:// URL.") from None
    except (ConfigurationError, ValueError, TypeError):
        raise StoreMisconfigured("The address of MongoDB has an invalid option.") from None


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
    # The driver drops a server that is not a member of the replica set named in the URL.
    if not servers or any(server.server_type_name == "RSGhost" for server in servers):
        return f"{_NO_REPLICA_SET} The URL must name the replica set that the server belongs to."
    return "MongoDB cannot be reached: it is not running, or its address is wrong."
