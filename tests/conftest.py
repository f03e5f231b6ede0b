"""What every test may ask for: one server of each kind, started when the first test asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests.servers import Mongo, PubSub, RabbitMQ, Redis, Server, ServerMissing
from tests.shared_servers import ADDRESS, SharedServers, ask

# Machines that test are busy: a pause of a second is no news.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")
PATIENTLY = (
    "serverSelectionTimeoutMS=60000&connectTimeoutMS=60000"
    "&socketTimeoutMS=120000&waitQueueTimeoutMS=60000"
)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder that is kept in memory, as plain originals must be."""
    with TemporaryDirectory(dir="/dev/shm", prefix="klarity-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def mongo_url() -> str:
    """A replica set for all tests; take databases with names of your own."""
    url = url_of(Mongo, "KLARITY_TEST_MONGO_URL")
    return f"{url}&{PATIENTLY}" if "?" in url else f"{url.rstrip('/')}/?{PATIENTLY}"


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis for all tests; take keys with a prefix of your own."""
    return url_of(Redis, "KLARITY_TEST_REDIS_URL")


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """A RabbitMQ for all tests; take exchanges and queues with a prefix of your own."""
    return url_of(RabbitMQ, "KLARITY_TEST_RABBITMQ_URL")


@pytest.fixture(scope="session")
def pubsub_url() -> str:
    """Host and port of a Pub/Sub emulator for all tests; take a project of your own."""
    return url_of(PubSub, "KLARITY_TEST_PUBSUB_URL")


def url_of(kind: type[Server], variable: str) -> str:
    """The address of a server that all workers share: the given one, or the run's own."""
    if given := os.environ.get(variable):
        return given
    try:
        return ask(kind)
    except ServerMissing as missing:
        pytest.fail(f"{missing}; or point {variable} at a server of yours", pytrace=False)


def pytest_configure(config: pytest.Config) -> None:
    """Let the process that begins the run, and no worker of it, start the servers."""
    if hasattr(config, "workerinput"):
        return
    stack = ExitStack()
    config.add_cleanup(stack.close)
    os.environ[ADDRESS] = stack.enter_context(SharedServers()).address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker ends long after the others."""
    items.sort(key=lambda item: item.get_closest_marker("system") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    return Scheduler(config, log)


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # xdist carries no types
    """Gives each file to one worker, but tests of whole processes by what they run on.

    So each deployment is started once, and different ones are at work at the same time.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(("tests/acceptance/", "tests/system/")) and nodeid.endswith("]"):
            return nodeid.rpartition("/")[0] + nodeid.rpartition("[")[2]
        return str(super()._split_scope(nodeid))
