"""How many events wait, and for how long: read from the log, whatever the relay and the bus do."""

from application.engine.waiting import Waiting
from tests.world import World


def waiting_in(world: World) -> Waiting:
    return Waiting(world.history, world.clock)


def look(waiting: Waiting, log: str, position: int) -> tuple[int, float]:
    """The events after the position, and the age of the oldest."""
    return waiting.end(log) - position, waiting.age(log, position)


def test_nothing_waits_in_an_empty_log() -> None:
    assert look(waiting_in(World()), "cases", 0) == (0, 0.0)


def test_nobody_waits_who_has_not_looked() -> None:
    world = World()
    world.report(world.member())
    assert waiting_in(world).age("cases", 0) == 0.0


def test_an_event_waits_from_the_moment_of_its_stamp() -> None:
    world = World()
    anna = world.member()
    world.clock.wind(hours=10)
    world.report(anna)
    world.clock.wind(seconds=90)
    events, age = look(waiting_in(world), "cases", 0)
    assert events > 0
    assert age == 90.0


def test_who_has_handled_everything_waits_for_nothing() -> None:
    world = World()
    world.report(world.member())
    end = world.stores["cases"].last_position()
    world.clock.wind(hours=1)
    assert look(waiting_in(world), "cases", end) == (0, 0.0)


def test_only_the_events_after_the_position_count() -> None:
    world = World()
    anna = world.member()
    world.clock.wind(hours=10)
    world.report(anna)
    handled = world.stores["cases"].last_position()
    world.clock.wind(minutes=10)
    world.report(anna, case_id="c2")
    world.clock.wind(minutes=1)
    assert look(waiting_in(world), "cases", handled)[1] == 60.0


def test_a_stamp_that_is_a_whole_day_makes_no_event_old() -> None:
    """The log of the members has whole days: at noon each event would seem to wait for hours."""
    world = World()
    waiting = waiting_in(world)
    world.member()
    assert look(waiting, "members", 0)[1] == 0.0
    world.clock.wind(seconds=15)
    assert look(waiting, "members", 0)[1] == 15.0


def test_an_event_is_no_older_than_the_look_that_did_not_show_it() -> None:
    world = World()
    waiting = waiting_in(world)
    assert waiting.end("members") == 0
    world.clock.wind(seconds=15)
    assert waiting.end("members") == 0
    world.clock.wind(seconds=5)
    world.member()
    world.clock.wind(seconds=10)
    assert look(waiting, "members", 0)[1] == 15.0


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    world = World()
    world.clock.wind(hours=1)
    world.report(world.member())
    world.clock.wind(hours=-1)
    assert look(waiting_in(world), "cases", 0)[1] == 0.0
