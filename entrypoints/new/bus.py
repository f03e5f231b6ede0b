"""Write a bus on a broker that Klarity does not know yet, and let the tests know it."""

from pathlib import Path

from entrypoints.new.files import (
    Insertion,
    class_of,
    inserted,
    must_be_a_checkout,
    must_be_free,
    rendered,
    write,
)

FILES = {
    "adapters/message_bus/{module}.py": "bus.py.jinja",
    "adapters/message_bus/{module}_transport.py": "bus_transport.py.jinja",
}
PLACES = (
    Insertion(
        "config/buses.py",
        '}}\n"""The module and class of each bus',
        '    "{name}": "{module}.{bus}",\n',
    ),
    Insertion(
        "docs/settings.md",
        "\nWrite special characters of a user or password",
        "| `{name}://host:port` | {title}. |\n",
    ),
    Insertion(
        "tests/servers.py",
        "BROKERS: Mapping[str, type[Server]] = ",
        "class {title}(Redis):\n"
        '    """A Redis, on which the first version of {bus} works: put its own server here."""\n\n'
        "    @property\n"
        "    def url(self) -> str:\n"
        '        return super().url.replace("redis:", "{name}:", 1)\n\n\n',
    ),
    Insertion("tests/servers.py", '"rabbitmq": RabbitMQ, ', '"{module}": {title}, '),
    Insertion(
        "tests/conftest.py",
        '@pytest.fixture(scope="session")\ndef redis_search_url',
        '@pytest.fixture(scope="session")\n'
        "def {module}_url(redis_url: str) -> str:\n"
        '    """The server of {title} for all tests: its first version works on a Redis."""\n'
        '    return redis_url.replace("redis:", "{name}:")\n\n\n',
    ),
    Insertion(
        "tests/contracts/buses.py",
        "from adapters.message_bus.pubsub import PubSubBus\n",
        "from adapters.message_bus.{module} import {bus}\n",
    ),
    Insertion(
        "tests/contracts/buses.py",
        "BROKERS: Mapping[str, Brokers]",
        "def _{module}(url: str, prefix: str, *, timeout: float = 60, lent: int = 20)"
        " -> MessageBus:\n"
        "    return {bus}(url, prefix, timeout=timeout, visibility_seconds=lent)\n\n\n",
    ),
    Insertion("tests/contracts/buses.py", '"rabbitmq": _rabbitmq, ', '"{module}": _{module}, '),
)


def write_bus(root: Path, name: str) -> list[Path]:
    """Write a bus and its entries. ``name`` is the scheme of its address. Raises CannotWrite."""
    must_be_a_checkout(root)
    bus = f"{class_of(name)}Bus"
    must_be_free(root, bus)
    module = name.replace("-", "_")
    values = {"name": name, "module": module, "bus": bus, "title": class_of(name)}
    contents = {**rendered(root, FILES, values), **inserted(root, PLACES, values)}
    return write(root, contents)
