"""The benchmark of search indexes, on Redis: ``python -m benchmarks.search_redis [cases]``."""

import sys
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import redis

from adapters.search_index.redis import RedisSearchIndex
from adapters.search_index.redis_server import purge
from application.ports.read_models import Find
from application.ports.search_index import SearchModel
from benchmarks.search_index import CASES, INDEXES, Case, ask, bytes_below, finds, measure
from tests.servers import RedisSearch

TIMES_OF_SERVER = 20
# Other benchmarks may run beside this one.
TIMEOUT = 600


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else CASES
    with RedisSearch() as server, redis.Redis.from_url(server.url) as client:
        index = RedisSearchIndex(server.url, timeout=TIMEOUT)
        measure(index, count, partial(size, server, client), partial(memory, client))
        model = index.open("benchmark", 1, Case, INDEXES)
        for what, make in finds(Random(3)).items():
            print_server(what, client, model, make)


def size(server: RedisSearch, client: Any) -> int:
    """Return the size of the append-only file after it was written anew."""
    print(f"{busy(client):,.0f} s of processors of the server")
    purge(client, "klarity:search:benchmark:1", "klarity:search:benchmark:1:row:")
    return bytes_below(server.folder / "appendonlydir")


def memory(client: Any) -> int:
    return int(client.info("memory")["used_memory"])


def busy(client: Any) -> float:
    """Return the seconds that the server has spent on commands."""
    used = client.info("cpu")
    return float(used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"])


def print_server(
    what: str, client: Any, model: SearchModel[Case], make: Callable[[], Find]
) -> None:
    """Print the time of processors that a question costs the server."""
    before = busy(client)
    for _ in range(TIMES_OF_SERVER):
        ask(model, make)
    taken = (busy(client) - before) * 1000 / TIMES_OF_SERVER
    print(f"{what:36} {taken:5.1f} ms of the server's processor", flush=True)


if __name__ == "__main__":
    main()
