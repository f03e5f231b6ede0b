"""Every line of handling has the correlation id; lines of security have no id at all."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.log_lines import log_as_json
from adapters.telemetry.log_context import LogContext
from adapters.telemetry.together import Together
from application.engine.policy import Cause, Policy, PolicySubscriber
from application.engine.subscriber import EventsFailed
from application.ports.codec import RecordedEvent
from application.security import CasesExported, ExportFormat, SecurityLog
from domain.cases.case_events import CaseReported
from tests.world import World

MARK = "Anna Marked lives here"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """The lines that were logged since the last call. The first call begins."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def logged() -> list[dict[str, Any]]:
        found = [line for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
        log_as_json("INFO")
        return [json.loads(line) for line in found]

    yield logged
    root.handlers[:] = handlers
    root.setLevel(level)


class WhenCaseIsReportedThenFail(Policy[None]):
    name = "when-case-is-reported-then-fail"

    def react(self, event: CaseReported, cause: Cause) -> None:
        logging.getLogger("a.store").warning("it is slow")
        raise ValueError(MARK)


def reported(world: World, correlation: str) -> RecordedEvent:
    world.report(world.member(), title=MARK)
    event = world.history.read("cases", 0, 1)[0]
    event.correlation_id = correlation
    return event


def test_the_lines_of_a_request_have_its_id_and_later_ones_do_not(lines: Lines) -> None:
    log = logging.getLogger("a.store")
    lines()
    with LogContext().answering("c1"):
        log.warning("it is slow")
    log.warning("it is slow again")
    during, after = lines()
    assert during["correlation_id"] == "c1"
    assert "correlation_id" not in after


def test_the_lines_of_a_reaction_have_the_id_of_the_request_that_led_to_it(lines: Lines) -> None:
    world = World()
    subscriber = PolicySubscriber(WhenCaseIsReportedThenFail(None), world.codec, world.checkpoints)
    subscriber.telemetry = Together(LogContext())
    event = reported(world, "c1")
    lines()
    with pytest.raises(EventsFailed):
        subscriber.handle([event], subscriber.checkpoint())
    found = lines()
    assert [line["correlation_id"] for line in found] == ["c1", "c1"]
    assert "failed on" in found[1]["event"]
    assert MARK not in json.dumps(found)


def test_a_line_of_security_has_no_id(lines: Lines) -> None:
    """It would tell in which commit, and so on whom, power was used."""
    lines()
    with LogContext().answering("c1"):
        SecurityLog().record(CasesExported(format=ExportFormat.CSV))
    (line,) = lines()
    assert "c1" not in json.dumps(line)
