"""Fixtures of all tests: one server of each kind, started when the first test asks for it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests.cheap_passphrases import sitecustomize
from tests.servers import (
    BROKERS,
    Mongo,
    PubSub,
    RabbitMQ,
    Redis,
    RedisSearch,
    Server,
    ServerMissing,
)
from tests.shared_servers import ADDRESS, SharedServers, ask

# Machines that test are busy: a pause of a second is no news.
settings.register_profile("patient", settings.default, deadline=None)
settings.load_profile("patient")
SERVERS = {"mongo", "redis_search", *BROKERS}
FUZZING = "tests/http/test_openapi.py::test_every_reply_is_announced_by_the_document["
THOROUGH = (
    "tests/adapters/test_hostile_files.py",
    "tests/adapters/test_sanitiser.py",
    "tests/adapters/test_what_devices_write.py",
    "tests/application/test_policies_once.py",
    "tests/application/test_rules_hold.py",
    FUZZING,
)
"""Tests that try many examples, or media tools on many files: `make quick` leaves them out."""
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
def redis_search_url() -> str:
    """A Redis with its search module for all tests; take keys with a prefix of your own."""
    return url_of(RedisSearch, "KLARITY_TEST_REDIS_SEARCH_URL")


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
    """Let the process that begins the run, and no worker of it, start the servers.

    What the tests start hashes passphrases as cheaply as the tests themselves.
    """
    if hasattr(config, "workerinput"):
        return
    os.environ["KLARITY_TEST_PYTHONPATH"] = str(Path(sitecustomize.__file__).parent)
    stack = ExitStack()
    config.add_cleanup(stack.close)
    os.environ[ADDRESS] = stack.enter_context(SharedServers()).address


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make quick` leaves out, and begin with what takes longest: so no worker ends long
    after the others."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.system)
        if needs_server(item):
            item.add_marker(pytest.mark.server)
        if item.nodeid.startswith(THOROUGH):
            item.add_marker(pytest.mark.thorough)
    items.sort(key=lambda item: not (item.get_closest_marker("system") or is_fuzzing(item.nodeid)))


def needs_server(item: pytest.Item) -> bool:
    """Whether the test asks for a server, by a fixture or by the name of its parameter."""
    fixtures = set(getattr(item, "fixturenames", ()))
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    names = {parameter for parameter in parameters if isinstance(parameter, str)}
    return bool(fixtures & {f"{name}_url" for name in SERVERS} or names & SERVERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduler:
    return Scheduler(config, log)


def is_fuzzing(nodeid: str) -> bool:
    return nodeid.startswith(FUZZING)


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # xdist carries no types
    """Gives each file to one worker, but tests of whole processes by what they run on.

    So each deployment is started once, and different ones are at work at the same time. What takes
    longest in a file of its own goes to different workers as well.
    """

    def _split_scope(self, nodeid: str) -> str:
        folder = nodeid.partition("::")[0].rpartition("/")[0]
        if folder in ("tests/acceptance", "tests/system") and nodeid.endswith("]"):
            return f"{folder}/{runs_on(nodeid)}"
        if nodeid.startswith("tests/contracts/test_message_bus"):
            return f"{nodeid.partition('::')[0]}/{runs_on(nodeid)}"
        if is_fuzzing(nodeid):
            return nodeid
        return str(super()._split_scope(nodeid))


def runs_on(nodeid: str) -> str:
    """The first parameter of a test, which names its deployment or its broker; bodies and sizes
    follow it."""
    return re.sub(r"(-(body|[^a-z]).*)?\]$", "", nodeid.partition("[")[2])
