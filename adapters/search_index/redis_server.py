"""The connection to a Redis with its search module, and what this program needs of the server."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from glob import escape
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from adapters.mongo import StoreMisconfigured
from adapters.search_index.redis_fields import KEY
from adapters.tls import USUAL, Tls
from application.ports.event_store import StoreUnavailable

logger = logging.getLogger(__name__)

OLDEST = 21005
"""Version 2.10.5 of the search module: the first known to give a score to FT.AGGREGATE."""
EXPANSIONS = 10_000
"""How many words of the index the beginning of a word may stand for."""
SETTINGS = {"MAXPREFIXEXPANSIONS": EXPANSIONS, "MAXEXPANSIONS": EXPANSIONS}
TIMEOUT = 20.0
PATIENCE = 600.0
"""Seconds within which a server must have rewritten its files."""
PAUSE = 0.02

PART = 1000
GARBAGE = 101
"""The module collects garbage after 100 deletions (FORK_GC_CLEAN_THRESHOLD)."""

# An answer in full, or none: otherwise the server stops after half a second.
_IN_FULL = ("TIMEOUT", round(1000 * TIMEOUT), "DIALECT", 2)
_NO_REWRITE = (
    "The Redis of the search index does not permit BGREWRITEAOF and BGSAVE: what was deleted stays "
    "in its files until it writes them anew by itself."
)
_NO_INDEX = re.compile("no such index|unknown index", re.IGNORECASE)


class _NotPermitted(Exception):
    """The user must not send this command."""


Answer = Mapping[str, bytes]
"""The fields of a row, or of a group of rows."""


def connect(url: str, tls: Tls = USUAL, timeout: float = TIMEOUT) -> Redis:
    """Return a client. It connects at the first command.

    A command that found a broken connection is sent once more.
    """
    try:
        return Redis.from_url(
            url,
            protocol=3,
            socket_timeout=timeout,
            socket_connect_timeout=min(timeout, 5.0),
            retry=Retry(NoBackoff(), 1),
            **(_tls_options(tls) if url.startswith("rediss:") else {}),
        )
    except ValueError:
        raise StoreMisconfigured("The address of Redis must be a redis:// URL.") from None


@contextmanager
def unavailable() -> Iterator[None]:
    """Raise StoreUnavailable in place of every error of the client.

    The client's messages may quote a document, so they are not passed on.
    """
    try:
        yield
    except RedisError as error:
        raise StoreUnavailable(f"Redis: {type(error).__name__}") from None


def prepare(client: Redis) -> None:
    """Check the server, and let the beginning of a word stand for many words.

    Raises StoreMisconfigured and StoreUnavailable.
    """
    with unavailable():
        try:
            modules, memory = client.info("modules"), client.info("memory")
        except AuthenticationError:
            raise StoreMisconfigured("Redis refused the user name or the password.") from None
    if _search_version(modules) < OLDEST:
        raise StoreMisconfigured(
            "The search index needs Redis 8, or Redis Stack 7.4 with version 2.10.5 of its search "
            "module."
        )
    if str(memory.get("maxmemory_policy", "")).startswith("allkeys-"):
        raise StoreMisconfigured(
            "The Redis of the search index must not evict documents: set its maxmemory-policy to "
            "noeviction."
        )
    for name, value in SETTINGS.items():
        _attempt(client, "FT.CONFIG", "SET", name, value)


def create_index(client: Redis, index: str, rows: str, schema: Sequence[str | int]) -> None:
    """Create an index of all keys that begin with ``rows``, unless it exists."""
    options = ("ON", "HASH", "PREFIX", 1, rows, "STOPWORDS", 0)
    with unavailable():
        try:
            client.execute_command("FT.CREATE", index, *options, "SCHEMA", *schema)
        except ResponseError as error:
            if "already exists" not in str(error):
                raise
    # If rows exist already, they are indexed in the background.
    wait_until(lambda: _is_complete(client, index))


def drop_index(client: Redis, index: str, rows: str) -> None:
    """Delete an index and its rows, if they exist."""
    with unavailable():
        _attempt(client, "FT.DROPINDEX", index)
        place = None
        while place != 0:
            place, keys = client.scan(place or 0, match=f"{escape(rows)}*", count=PART)
            if keys:
                client.unlink(*keys)


def aggregate(client: Redis, index: str, query: str, steps: Sequence[str | int]) -> list[Answer]:
    """Return the answers to a query. There are none if the index does not exist."""
    command = ("FT.AGGREGATE", index, query, "VERBATIM", *steps, *_IN_FULL)
    with unavailable():
        try:
            found: Any = client.execute_command(*command)
        except ResponseError as error:
            if not _NO_INDEX.search(str(error)):
                raise
            return []
    if found[b"warning"]:
        raise StoreUnavailable("Redis: a search took too long")
    answers = [one[b"extra_attributes"] for one in found[b"results"]]
    return [{name.decode(): value for name, value in one.items()} for one in answers]


def purge(client: Redis, index: str, rows: str) -> None:
    """Remove deleted documents from the memory of the server, and let it rewrite its files."""
    _make_garbage(client, rows)
    # Redis 8 has another name for it. If neither is permitted, it happens within half a minute.
    for debug in ("FT.DEBUG", "_FT.DEBUG"):
        _attempt(client, debug, "GC_FORCEINVOKE", index)
    try:
        if _info(client)["aof_enabled"]:
            _rewrite(client, "BGREWRITEAOF", "aof_rewrites", "aof_rewrite_in_progress")
        if _saves(client):
            _rewrite(client, "BGSAVE", "rdb_saves", "rdb_bgsave_in_progress")
    except _NotPermitted:
        logger.warning(_NO_REWRITE)


def _make_garbage(client: Redis, rows: str) -> None:
    """Write and delete rows: the module collects garbage only when there is enough of it."""
    with unavailable(), client.pipeline() as transaction:
        for number in range(GARBAGE):
            transaction.hset(f"{rows}{number} deleted", KEY, "")
            transaction.delete(f"{rows}{number} deleted")
        transaction.execute()


def _rewrite(client: Redis, command: str, counter: str, running: str) -> None:
    """Let the server write a file anew, and wait until it has done so.

    What it is writing already may hold deleted documents.
    """
    wait_until(lambda: not _info(client)[running])
    before = _info(client)[counter]
    wait_until(lambda: _begins(client, command))
    wait_until(lambda: _info(client)[counter] > before and not _info(client)[running])


def _begins(client: Redis, command: str) -> bool:
    """Send a command that the server refuses while it is busy. Raises _NotPermitted."""
    with unavailable():
        try:
            client.execute_command(command)
        except NoPermissionError:
            raise _NotPermitted from None
        except ResponseError:
            return False
    return True


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise StoreUnavailable("Redis did not rewrite its files in time")
        time.sleep(PAUSE)


def _is_complete(client: Redis, index: str) -> bool:
    with unavailable():
        about: Any = client.execute_command("FT.INFO", index)
    return float(about[b"percent_indexed"]) == 1


def _saves(client: Redis) -> bool:
    """Return whether the server saves snapshots, or has saved one. If unknown, it does."""
    with unavailable():
        try:
            return bool(_info(client)["rdb_saves"] or client.config_get("save").get("save"))
        except ResponseError:
            return True


def _info(client: Redis) -> dict[str, Any]:
    with unavailable():
        return client.info("persistence")


def _search_version(modules: dict[str, Any]) -> int:
    """Return the version of the search module, or 0 if the server has none."""
    found = modules.get("modules", [])
    return max((one["ver"] for one in found if one["name"] == "search"), default=0)


def _attempt(client: Redis, *command: str | int) -> bool:
    """Send a command that the server may refuse. Return whether it did not."""
    with unavailable(), suppress(ResponseError):
        client.execute_command(*command)
        return True
    return False


def _tls_options(tls: Tls) -> dict[str, Any]:
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": tls.ca or None,
        "ssl_certfile": tls.certificate or None,
    }
