"""Rebuilds on the monitor, and what operators ask for."""

import pytest

from config.process import Process
from tests.http.conftest import eventually
from tests.monitor.conftest import WHY, until_shown
from tests.site.conftest import Reader

PAGE = "/monitor/rebuilds/videos"


def ask(operator: Reader, action: str, **more: str) -> None:
    operator.open(PAGE)
    operator.submit(PAGE, {**WHY, "action": action, **more})


def becomes(operator: Reader, phase: str) -> None:
    """Return once a process has come as far."""

    def there() -> bool | None:
        operator.open(PAGE)
        return f"Phase {phase}" in " ".join(operator.text.split()) or None

    eventually(there)


def test_a_read_model_is_compared_rebuilt_held_swapped_and_rolled_back(operator: Reader) -> None:
    operator.open("/monitor/rebuilds")
    assert "Never rebuilt or compared by an operator" in operator.text
    ask(operator, "compare")
    becomes(operator, "compared")
    assert "0 differ" in operator.text
    ask(operator, "rebuild")
    becomes(operator, "held")
    ask(operator, "swap")
    becomes(operator, "swapped")
    assert "Kept build" in operator.text
    ask(operator, "roll-back")
    becomes(operator, "rolled back")
    operator.open("/monitor/rebuilds")
    assert "rolled back" in operator.text
    actions = ("compare videos", "rebuild videos", "swap videos", "roll-back videos")
    until_shown(operator, "/monitor/interventions", *actions)


def test_a_rebuild_is_limited_in_speed_from_its_beginning_and_later(operator: Reader) -> None:
    ask(operator, "rebuild-and-swap", events_a_second="0.5")
    assert "At most 0.5/s" in " ".join(operator.text.split())
    operator.open(PAGE)
    assert "Limited to 0.5/s" in " ".join(operator.text.split())
    ask(operator, "throttle", events_a_second="0")
    becomes(operator, "swapped")


@pytest.mark.parametrize("speed", ["-1", "nan", "inf", "fast"])
def test_a_speed_that_is_no_number_of_events_is_refused(operator: Reader, speed: str) -> None:
    ask(operator, "rebuild", events_a_second=speed)
    assert operator.status == 422
    assert "number" in operator.text


def test_a_speed_is_ignored_where_none_is_asked_for(operator: Reader) -> None:
    ask(operator, "cancel", events_a_second="fast")
    assert operator.status != 422
    assert "At most" not in operator.text


def test_what_is_not_possible_is_recorded_with_the_reason(operator: Reader) -> None:
    operator.open(PAGE)
    operator.submit(PAGE, {**WHY, "action": "cancel"})
    refused = "No rebuild is in progress; there is nothing to cancel."
    until_shown(operator, "/monitor/interventions", refused)


def test_without_a_reason_nothing_is_done(process: Process, operator: Reader) -> None:
    operator.open(PAGE)
    operator.submit(PAGE, {**WHY, "reason": "", "action": "rebuild"})
    assert operator.status == 422
    assert "Give a reason" in operator.text


def test_an_unknown_read_model_or_action_is_refused(operator: Reader) -> None:
    operator.open("/monitor/rebuilds/none")
    assert operator.status == 404
    operator.open(PAGE)
    operator.submit(PAGE, {**WHY, "action": "open"})
    assert operator.status == 400
