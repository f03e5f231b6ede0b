"""Options that several commands of the command line take."""

import sys
from collections.abc import Callable
from functools import wraps
from getpass import getuser
from ipaddress import ip_network
from math import isfinite
from typing import Any

import click

from application.use_cases.operations.intervene import Explanation


class FiniteRange(click.FloatRange):
    """A number in a range. Infinity and NaN are refused."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


class ProxyNetwork(click.ParamType[str]):
    """The addresses of proxies. Not those of everybody, who could then pose as anybody."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            network = ip_network(value)
        except ValueError as fault:
            self.fail(f"{fault}.", param, ctx)
        if not network.prefixlen:
            self.fail(f"{value} contains everybody, and everybody would be believed.", param, ctx)
        return str(network)


trusts = click.option(
    "--trust",
    multiple=True,
    type=ProxyNetwork(),
    metavar="NETWORK",
    help="The address or network, such as 10.0.0.0/8, of a proxy between people and nginx: nginx"
    " believes its X-Forwarded-For. Repeat it for each.",
)


def from_standard_input(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Return what was given. ``-`` stands for the first line of standard input."""
    if given != "-":
        return given
    return sys.stdin.readline().rstrip("\r\n")


def explained(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a command that is recorded: it receives who gave it and ``why``."""

    @click.option(
        "--by", default=getuser, metavar="NAME", help="Your name; by default your account's."
    )
    @click.option(
        "--reason",
        default="decided on the command line",
        help="Why you do this. It is recorded with your name.",
    )
    @wraps(command)
    def recorded(*arguments: Any, by: str, reason: str, **named: Any) -> None:
        command(*arguments, why=Explanation(operator=by, reason=reason), **named)

    return recorded
