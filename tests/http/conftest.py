"""The whole application in this process, on stores in memory, with its background running."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from application.engine.executor import CommandContext
from config.process import Process
from config.settings import read_settings
from domain.actors import SYSTEM, Role
from domain.members.member import GrantRole

T = TypeVar("T")
PASSPHRASE = "four plain words here"
PATIENCE = 60.0


class Caller:
    """A client of the application, signed in or not."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = ""
        self.refresh_token = ""
        self.member_id = ""
        self.pseudonym = f"Member {uuid4().hex[:8]}"

    def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        headers = options.pop("headers", {})
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        if body is not None:
            options["json"] = body
        return self.client.open(path, method=method, headers=headers, **options)

    def join(self) -> "Caller":
        body = {"pseudonym": self.pseudonym, "passphrase": PASSPHRASE}
        self.member_id = self("POST", "/v1/members", body).json["member_id"]
        self.sign_in()
        return self

    def sign_in(self) -> None:
        body = {"pseudonym": self.pseudonym, "passphrase": PASSPHRASE}
        tokens = self("POST", "/v1/sessions", body).json
        self.token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]

    def leave(self) -> Any:
        return self("DELETE", "/v1/me", {"passphrase": PASSPHRASE})

    def report(self, **more: Any) -> Any:
        body = {"title": "A permit for a bribe", "story": "They asked for money.", **more}
        return self("POST", "/v1/cases", body)


def problem(reply: Any) -> tuple[int, str]:
    """The status and the code of a problem."""
    assert reply.content_type == "application/problem+json", reply.data
    assert reply.json["status"] == reply.status_code
    return reply.status_code, reply.json["type"].removeprefix("/problems/")


def eventually(look: Callable[[], T | None]) -> T:
    """What ``look`` finds, as soon as the background has come that far."""
    until = time.monotonic() + PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)
    return found


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """What a test module wants set otherwise."""
    return {}


@pytest.fixture(scope="module", autouse=True)
def patient_answers() -> Iterator[None]:
    """Who waits for their own write waits as long as a busy machine takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("application.engine.answers.LONGEST_WAIT", PATIENCE)
        yield


@pytest.fixture(scope="module")
def process(
    settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    folder: Path = tmp_path_factory.mktemp("klarity")
    chosen = {
        "EVENT_STORE": "memory",
        "DATA": str(folder),
        "RATE_LIMIT": "1000000 per minute",
        "SIGN_IN_LIMIT": "1000000 per minute",
        "SIGN_IN_ACCOUNT_LIMIT": "1000000 per minute",
        "SIGN_IN_NETWORK_LIMIT": "1000000 per minute",
        **settings,
    }
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with pytest.MonkeyPatch.context() as patch:
        for name, value in chosen.items():
            patch.setenv(f"KLARITY_{name}", value)
        process = Process(read_settings())
    process.start()
    client = process.internal_app.test_client()
    eventually(lambda: client.get("/health/ready").status_code == 200 or None)
    yield process
    process.close()
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def anybody(process: Process) -> Caller:
    return Caller(process.app.test_client())


@pytest.fixture
def operator(process: Process) -> Caller:
    """Who reaches the internal listener."""
    return Caller(process.internal_app.test_client())


@pytest.fixture(scope="module")
def anna(process: Process) -> Caller:
    return Caller(process.app.test_client()).join()


@pytest.fixture(scope="module")
def ben(process: Process) -> Caller:
    return Caller(process.app.test_client()).join()


@pytest.fixture(scope="module")
def admin(process: Process) -> Caller:
    caller = Caller(process.app.test_client()).join()
    made = process.container
    command = GrantRole(role=Role.ADMIN, by=SYSTEM, at=made.clock()())
    made.executors().members.execute(caller.member_id, command, CommandContext())
    return caller


@pytest.fixture(scope="module")
def moderator(process: Process, admin: Caller) -> Caller:
    return appointed(process, admin)


def appointed(process: Process, admin: Caller) -> Caller:
    """A new moderator."""
    caller = Caller(process.app.test_client()).join()
    assert admin("PUT", f"/v1/members/{caller.member_id}/roles/moderator").status_code == 204
    return caller


@pytest.fixture
def exact_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are exact, as if hours and days passed between one request and the next."""
    monkeypatch.setattr("application.engine.executor.with_coarse_times", lambda event, _: event)
