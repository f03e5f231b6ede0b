"""Operators before the pages of the monitor."""

from collections.abc import Iterator

import pytest

from application.engine.executor import CommandContext
from application.ports.parked import ParkedEvent
from config.process import Process
from domain.actors import SYSTEM, Role
from domain.members.member import GrantRole
from tests.http.conftest import (
    Caller,
    anna,
    anybody,
    eventually,
    patient_answers,
    process,
    settings,
)
from tests.site.conftest import Reader

__all__ = ["anna", "anybody", "patient_answers", "process", "settings"]
SUBSCRIBER = "videos.1000"
WHY = {"operator": "Olga", "reason": "The disk was full."}


@pytest.fixture
def operator(process: Process) -> Reader:
    """Whoever is on the machine."""
    return Reader(process.monitor.test_client())


def until_shown(reader: Reader, path: str, *texts: str) -> None:
    """Open the page until it shows all of this: read models come a moment after events."""

    def shown() -> bool | None:
        reader.open(path)
        return all(text in reader.text for text in texts) or None

    eventually(shown)


@pytest.fixture
def case_id(anna: Caller) -> str:
    """A case that waits for evidence."""
    return str(anna.report(title="The secret title").json["case_id"])


@pytest.fixture
def parked(process: Process, case_id: str) -> Iterator[ParkedEvent]:
    """An event of the case, which a read model that does not exist has parked."""
    history = process.container.history()
    event = eventually(
        lambda: next(
            (e for e in history.read("cases", 0, 1000) if case_id in e.stream and e.position), None
        )
    )
    found = ParkedEvent(
        subscriber=SUBSCRIBER,
        event=event,
        error="ValueError: 'The secret title' is not 17",
        parked_at="2026-03-01T12:00:00+00:00",
        tries=7,
    )
    process.container.parked().park(found)
    yield found
    process.container.parked().remove(SUBSCRIBER, event.id)


def grant(process: Process, caller: Caller, role: Role) -> None:
    made = process.container
    command = GrantRole(role=role, by=SYSTEM, at=made.clock()())
    made.executors().members.execute(caller.member_id, command, CommandContext())
