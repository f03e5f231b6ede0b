"""Decide which programs ``klarity up`` runs, and with which settings."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from application.system import MONITOR, Service, services
from entrypoints.address import address, reached_at
from entrypoints.monitor.access import ROOT
from entrypoints.nginx import nginx_configuration, nginx_main, trusting
from entrypoints.up.folder import Folder
from entrypoints.up.programs import HOST, listens, program
from entrypoints.up.servers import (
    GuardedMongo,
    GuardedRabbitMQ,
    GuardedRedisSearch,
    LocalServer,
)
from entrypoints.up.supervisor import Program

PREFIX = "KLARITY_"
KLARITY = str(Path(sys.executable).with_name("klarity"))
RABBITMQ_PORTS = ("rabbitmq", "rabbitmq-names", "rabbitmq-distribution")
SEARCHES = ("folder", "redis")
SECONDS = 5


class CannotStart(Exception):
    """The settings or the machine do not allow it. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of the command."""

    host: str
    port: int
    processes: int | None
    search: str
    trust: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The programs, in the order of their start, and the settings that all services share."""

    layers: Sequence[Sequence[Program]]
    settings: Mapping[str, str]
    url: str
    monitor: str

    @property
    def commands(self) -> str:
        """A file for a shell: with its variables, other ``klarity`` commands find the stores."""
        return "".join(
            f"export {PREFIX}{name}={shlex.quote(value)}\n" for name, value in self.settings.items()
        )


def plan(folder: Folder, options: Options) -> Plan:
    """Return what to run. Raises CannotStart and ServerMissing."""
    if listens(options.port, options.host):
        raise CannotStart(
            f"Another program listens on port {options.port}: choose one with --port."
        )
    groups = grouped(services(), options.processes)
    ports = folder.ports(_port_names(groups), options.port)
    servers = _servers(folder, ports, options.search)
    url = f"http://{address(reached_at(options.host), options.port)}"
    shared = _shared_settings(folder, ports, servers)
    _refuse_given({*shared, "HOST", "PORT", "INTERNAL_HOST", "INTERNAL_PORT", "SERVICES"})
    if f"{PREFIX}PUBLIC_URL" not in os.environ:
        shared["PUBLIC_URL"] = url
    processes = [_process(folder, name, group, ports, shared) for name, group in groups.items()]
    addresses = {
        service.id: f"{HOST}:{ports[name]}" for name, group in groups.items() for service in group
    }
    front = _nginx(folder, addresses, options, ports["inner"])
    return Plan(
        layers=([_server(each) for each in servers.values()], [*processes, front]),
        settings=shared,
        url=url,
        monitor=_monitor(groups, ports),
    )


def grouped(all_services: Sequence[Service], processes: int | None) -> dict[str, list[Service]]:
    """Return the services of each process, by its name."""
    number = min(processes or len(all_services), len(all_services))
    if number == len(all_services):
        return {service.id: [service] for service in all_services}
    return {f"services-{at + 1}": list(all_services[at::number]) for at in range(number)}


def _monitor(groups: Mapping[str, Sequence[Service]], ports: Mapping[str, int]) -> str:
    """Return the address of the monitor, which is on the internal address of its process."""
    (name,) = (name for name, group in groups.items() if any(one.kind == MONITOR for one in group))
    return f"http://{HOST}:{ports[_internal(name)]}{ROOT}"


def _port_names(groups: Mapping[str, object]) -> list[str]:
    return ["mongodb", *RABBITMQ_PORTS, "redis", "inner", *groups, *map(_internal, groups)]


def _internal(name: str) -> str:
    """Return the name of the port for this machine alone, of the process with this name."""
    return f"{name} internal"


def _servers(folder: Folder, ports: Mapping[str, int], search: str) -> dict[str, LocalServer]:
    at = folder.path
    found: dict[str, LocalServer] = {
        "mongodb": GuardedMongo(at / "mongodb", ports["mongodb"], folder.key("mongodb")),
        "rabbitmq": GuardedRabbitMQ(
            at / "rabbitmq", [ports[name] for name in RABBITMQ_PORTS], folder.key("rabbitmq")
        ),
    }
    if search == "redis":
        found["redis"] = GuardedRedisSearch(at / "redis", ports["redis"], folder.key("redis"))
    return found


def _shared_settings(
    folder: Folder, ports: Mapping[str, int], servers: Mapping[str, LocalServer]
) -> dict[str, str]:
    at = folder.path
    return {
        "DATA": str(at / "klarity"),
        "EPOCHS": str(at / "epochs"),
        "SECRET_FILE": str(folder.key("klarity")),
        "EVENT_STORE": "mongo",
        "READ_MODELS": "mongo",
        "MEDIA": "gridfs",
        "MONGO_URL": servers["mongodb"].url,
        "MONGO_DATABASE": "klarity",
        "BUS_URL": servers["rabbitmq"].url,
        "SEARCH_URL": servers["redis"].url if "redis" in servers else (at / "search").as_uri(),
        "API_URL": f"http://{HOST}:{ports['inner']}",
        "PROXIES": "1",
    }


def _refuse_given(own: set[str]) -> None:
    if given := sorted(name for name in own if f"{PREFIX}{name}" in os.environ):
        names = ", ".join(f"{PREFIX}{name}" for name in given)
        raise CannotStart(f"`klarity up` sets {names} itself. Unset it, or run `klarity serve`.")


def _server(server: LocalServer) -> Program:
    return Program(
        name=server.name,
        address=f"{HOST}:{server.port}",
        folder=server.folder,
        command=server.command,
        environment=server.environment(),
        answers=server.answers,
        lives=server.answers,
    )


def _process(
    folder: Folder,
    name: str,
    group: Sequence[Service],
    ports: Mapping[str, int],
    shared: Mapping[str, str],
) -> Program:
    internal = ports[_internal(name)]
    own = {
        "HOST": HOST,
        "PORT": str(ports[name]),
        "INTERNAL_HOST": HOST,
        "INTERNAL_PORT": str(internal),
        "SERVICES": ",".join(service.id for service in group),
    }
    return Program(
        name=name,
        address=f"{HOST}:{ports[name]}",
        folder=folder.path / "services" / name.replace(":", "-"),
        command=lambda: [KLARITY, "serve"],
        environment={f"{PREFIX}{key}": value for key, value in {**shared, **own}.items()},
        answers=lambda: _is_ok(internal, "ready"),
        lives=lambda: _is_ok(internal, "live"),
        lag=lambda: _behind(internal),
    )


def _nginx(folder: Folder, addresses: Mapping[str, str], options: Options, inner: int) -> Program:
    nginx = program("nginx", "nginx-light")
    at = folder.path / "nginx"
    at.mkdir(exist_ok=True)
    outer = address(options.host, options.port)
    servers = nginx_configuration(
        addresses,
        outer=outer,
        inner=f"{HOST}:{inner}",
        trusted=trusting(options.trust),
    )
    folder.write(at / "nginx.conf", nginx_main(at, servers))
    return Program(
        name="nginx",
        address=outer,
        folder=at,
        command=lambda: [nginx, "-p", str(at), "-c", str(at / "nginx.conf")],
        answers=lambda: listens(options.port, options.host),
        lives=lambda: listens(options.port, options.host),
    )


def _is_ok(port: int, check: str) -> bool:
    try:
        return requests.get(f"http://{HOST}:{port}/health/{check}", timeout=SECONDS).ok
    except requests.RequestException:
        return False


def _behind(port: int) -> int | None:
    """Return how many events the process has not handled yet, if it answers."""
    try:
        text = requests.get(f"http://{HOST}:{port}/metrics", timeout=SECONDS).text
    except requests.RequestException:
        return None
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        if family.name == "klarity_events_behind"
        for sample in family.samples
    ]
    return round(sum(found))
