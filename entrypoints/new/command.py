"""The commands ``klarity new ...``."""

from collections.abc import Callable
from pathlib import Path

import click

from entrypoints.new.bus import write_bus
from entrypoints.new.context import write_context
from entrypoints.new.files import CannotWrite
from entrypoints.new.policy import write_policy
from entrypoints.new.query import write_query


def add_new(klarity: click.Group) -> None:
    """Add the group ``new`` to the command line."""

    @klarity.group()
    def new() -> None:
        """Write the first version of something new into this checkout, with its tests.

        It works at once. docs/extending.md says how to go on from there.
        """

    @new.command()
    @click.argument("name")
    @click.option("--document", default="", metavar="CLASS", help="What one answer is called.")
    @click.option("--question", default="", help="What the service answers, as a question.")
    def query(name: str, document: str, question: str) -> None:
        """Write a query service about public cases, which is served at /v1/NAME.

        NAME is like-this, in the plural. Change the document, the projection and the question.
        """
        _report(lambda: write_query(Path.cwd(), name, document, question))

    @new.command()
    @click.argument("name")
    @click.option("--on", required=True, metavar="EVENT", help="Such as CasePublished.")
    @click.option("--give", required=True, metavar="COMMAND", help="Such as OpenDiscussion.")
    def policy(name: str, on: str, give: str) -> None:
        """Write a policy that gives a command to its context on an event.

        NAME is like when-case-is-published-then-open-discussion. The fields of the command are
        filled from the event. Then let a story of tests/application/test_policies_once.py cause it.
        """
        _report(lambda: write_policy(Path.cwd(), name, on, give))
        click.echo(
            f"It gives {give} as the system. If the rules refuse that, each event is parked:\n"
            "run tests/application/test_policies_once.py, as docs/extending.md says."
        )

    @new.command()
    @click.argument("name")
    @click.option("--aggregate", required=True, metavar="NAME", help="Such as petition.")
    def context(name: str, aggregate: str) -> None:
        """Write a context with a log and a command service of its own, and one aggregate.

        NAME is like petitions. Moderators open and close the aggregate at /v1/NAME. Give it other
        commands and events then, and make golden copies of the events.
        """
        _report(lambda: write_context(Path.cwd(), name, aggregate))

    @new.command()
    @click.argument("name")
    def bus(name: str) -> None:
        """Write a bus with a kombu transport, which KLARITY_BUS_URL=NAME://... chooses.

        NAME is like nats. It works on the lists of a Redis, passes the contract suite, and is
        killed with the other buses. Replace its calls of Redis by those of your broker.
        """
        _report(lambda: write_bus(Path.cwd(), name), "tests/contracts/test_message_bus.py")


def _report(write: Callable[[], list[Path]], suite: str = "") -> None:
    """Write the files, and say which and what tests them, or why not."""
    try:
        written = write()
    except CannotWrite as fault:
        raise click.ClickException(str(fault)) from fault
    for path in written:
        click.echo(f"{path} was written.")
    tests = [str(path) for path in written if path.name.startswith("test_")]
    click.echo(f"Try it: make test TESTS='{suite or ' '.join(tests)}'")
