"""The commands that rebuild read models, compare them with their logs, and roll back."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import click

from application.engine.query_service import QueryService
from application.engine.rebuild import Rebuilder
from application.ports.rebuilds import NO_REBUILD, Difference, Phase, RebuildState
from application.system import query_services
from application.use_cases.operations.intervene import Explanation, Intervene
from domain.operations.intervention import Action
from entrypoints.options import FiniteRange, explained


class RebuildTools(Protocol):
    """The dependencies of the commands, available once the stores are open."""

    @property
    def rebuilder(self) -> Rebuilder: ...

    @property
    def intervene(self) -> Intervene: ...


Open = Callable[[], AbstractContextManager[RebuildTools]]

NAMED = click.argument("name", type=click.Choice([each.name for each in query_services()]))
SPEED = click.option(
    "--events-a-second",
    type=FiniteRange(min=0),
    default=0.0,
    help="Handle at most so many events a second, to leave time for queries. 0 means no limit.",
)


def add_rebuilds(klarity: click.Group, open_tools: Open) -> None:
    """Add the commands. Ask for the tools to be opened where read models are kept.

    Whatever changes a read model is an intervention: it is recorded with who did it and why.
    """

    @klarity.command()
    @NAMED
    @SPEED
    @click.option("--hold", is_flag=True, help="Do not swap: wait for `klarity rebuilds swap`.")
    @explained
    def rebuild(name: str, events_a_second: float, why: Explanation, *, hold: bool) -> None:
        """Rebuild the read model of a query service from the logs, then let it serve.

        The old one serves until then, is compared with the new one, and is kept for a day: `klarity
        rollback` lets it serve again. Read models in memory are rebuilt at each start instead.
        """
        action = Action.REBUILD if hold else Action.REBUILD_AND_SWAP
        with open_tools() as tools:
            _ask(tools, action, name, why, events_a_second)
            state = _completed(tools, name, f"Rebuilding {name}")
        _say_found(name, state)
        _say(name, state)

    @klarity.command()
    @NAMED
    @SPEED
    @explained
    def parity(name: str, events_a_second: float, why: Explanation) -> None:
        """Fold the logs again beside the read model of a query service, and compare the two.

        It changes nothing that serves, names the documents that differ and their fields, and fails
        if there are any.
        """
        with open_tools() as tools:
            _ask(tools, Action.COMPARE, name, why, events_a_second)
            state = _completed(tools, name, f"Comparing {name}")
        _say_found(name, state)
        if not state.is_alike:
            raise SystemExit(1)

    @klarity.command()
    @NAMED
    @explained
    def rollback(name: str, why: Explanation) -> None:
        """Let the build serve that the last rebuild replaced. Once more, it goes forward again.

        Both are kept up to date, so no answer goes back in time.
        """
        with open_tools() as tools:
            _ask(tools, Action.ROLL_BACK, name, why)
            state = tools.rebuilder.complete(_service(name))
        _say(name, state)

    _add_group(klarity, open_tools)


def _add_group(klarity: click.Group, open_tools: Open) -> None:
    @klarity.group()
    def rebuilds() -> None:
        """Rebuilds in progress and the last ones. A process that projects carries them out."""

    @rebuilds.command("list")
    def list_() -> None:
        """List what is known of each rebuild: progress, time left, differences, kept build."""
        with open_tools() as tools:
            found = [(each.name, _state(tools, each.name)) for each in query_services()]
        for name, state in found:
            if state != NO_REBUILD:
                _say(name, state)
            if state.was_compared:
                _say_found(name, state)

    @rebuilds.command()
    @NAMED
    def wait(name: str) -> None:
        """Wait until a rebuild is complete, and carry it out if no other process does."""
        with open_tools() as tools:
            state = _completed(tools, name, f"Waiting for {name}")
        _say(name, state)

    @rebuilds.command()
    @NAMED
    @explained
    def swap(name: str, why: Explanation) -> None:
        """Let a build serve that was rebuilt with --hold."""
        with open_tools() as tools:
            _ask(tools, Action.SWAP, name, why)
            state = tools.rebuilder.complete(_service(name))
        _say(name, state)

    @rebuilds.command()
    @NAMED
    @explained
    def cancel(name: str, why: Explanation) -> None:
        """Drop a build that does not serve yet."""
        with open_tools() as tools:
            _ask(tools, Action.CANCEL, name, why)
            state = _state(tools, name)
        _say(name, state)

    @rebuilds.command()
    @NAMED
    @click.argument("events_a_second", type=FiniteRange(min=0))
    @explained
    def throttle(name: str, events_a_second: float, why: Explanation) -> None:
        """Limit the speed of a rebuild in progress; 0 ends the limit."""
        with open_tools() as tools:
            _ask(tools, Action.THROTTLE, name, why, events_a_second)
            state = _state(tools, name)
        _say(name, state)


def _ask(
    tools: RebuildTools, action: Action, name: str, why: Explanation, events_a_second: float = 0.0
) -> None:
    """Record what is asked for and ask for it. Raises ClickException if it is not done now."""
    begun = tools.intervene.do(action, name, why, events_a_second=events_a_second)
    result = tools.intervene.result(begun)
    if result is None:
        raise click.ClickException(
            "A store is away. It is recorded, and a process that serves will do it: see `klarity "
            "rebuilds list`."
        )
    if result.failed:
        raise click.ClickException(result.failed)


def _state(tools: RebuildTools, name: str) -> RebuildState:
    return tools.rebuilder.rebuilds.state(_service(name))


def _service(name: str) -> QueryService[Any]:
    return next(each for each in query_services() if each.name == name)


def _completed(tools: RebuildTools, name: str, label: str) -> RebuildState:
    with click.progressbar(length=1, label=label) as bar:

        def progress(state: RebuildState) -> None:
            bar.length = max(state.total, 1)
            bar.update(state.handled - bar.pos)

        return tools.rebuilder.complete(_service(name), progress)


def _say(name: str, state: RebuildState) -> None:
    click.echo(f"{name} {_described(state)}")
    if state.kept and state.kept_until:
        until = f"{state.kept_until:%Y-%m-%dT%H:%M:%SZ}"
        click.echo(f"    Build {state.kept} is kept until {until} for `klarity rollback {name}`.")


def _described(state: RebuildState) -> str:
    if state.phase is not Phase.BUILDING:
        return _PHASES[state.phase].format(state.handled)
    limit = f", limited to {state.events_a_second:g}" if state.events_a_second else ""
    time_left = str(state.time_left).partition(".")[0]
    left = f", {time_left} left" if state.time_left else ""
    handled = f"has handled {state.handled} of {state.total} events"
    return f"{handled}, {state.speed:.0f} a second{limit}{left}."


def _say_found(name: str, state: RebuildState) -> None:
    """Say which rows of the live model are not as the log makes them."""
    if not state.was_compared:
        click.echo(f"{name} was not compared with a build of the same program.")
        return
    click.echo(f"{name}: {state.compared} rows compared, {state.different} differ.")
    if state.left_by_erasures:
        click.echo(f"    {state.left_by_erasures} more came of events that are erased.")
    for each in state.differences:
        click.echo(f"    {_difference(each)}")


def _difference(found: Difference) -> str:
    where = f"{found.table} {found.key}".strip()
    return f"{where}: {found.kind} {', '.join(found.fields)}".rstrip()


_PHASES = {
    Phase.NONE: "was never rebuilt.",
    Phase.COMPARING: "is being compared with its new build.",
    Phase.HELD: "has a new build, which waits for `klarity rebuilds swap` or `cancel`.",
    Phase.SWAPPING: "is about to be answered from its new build.",
    Phase.SWAPPED: "was rebuilt from {} events.",
    Phase.ROLLING_BACK: "is about to be answered from its kept build.",
    Phase.ROLLED_BACK: "was rolled back.",
    Phase.COMPARED: "was compared with its logs.",
    Phase.CANCELLED: "goes on without its new build, which was cancelled.",
}
