"""Limits on attempts to sign in, so that guessing is slow and nobody locks others out (ADR 31)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request

from application.use_cases.members.accounts import handle
from entrypoints.http.limits import Rate, Standing, hashed, too_many_requests, where_from

V = TypeVar("V", bound=Callable[..., Any])

# Of IPv6, the largest network that one customer gets: who has one has 65,536 of the usual ones, and
# would lock an account out from everywhere with a few of them.
LARGEST_NETWORK = 48
METHODS = ("POST", "PUT", "DELETE")
FIRST_FAILURE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The rates that an attempt counts against, each with whose count it is, the strictest first.

    What one rate refuses counts against none: so whoever is refused uses up nothing that they share
    with others, and takes no memory. ``forgiven`` are those that no success counts against.
    """

    counts: Sequence[tuple[Rate, str]]
    forgiven: Sequence[tuple[Rate, str]] = ()


class Attempts:
    """What is counted together: attempts on one account from one network, on one account from
    everywhere, and from one network. Each rate is written as "5 per minute; 20 per hour"."""

    def __init__(
        self, here: str, account: str, network: str, session_of: Callable[[str], str | None]
    ) -> None:
        self._here, self._account, self._network = Rate(here), Rate(account), Rate(network)
        self._session_of = session_of

    def signing_in(self, body: Mapping[str, Any]) -> Attempt:
        """An attempt to sign in; which accounts exist makes no difference."""
        account = handle(_text(body, "pseudonym"))
        here = (self._here, hashed(f"account {account} from {where_from(LARGEST_NETWORK)}"))
        everywhere = (self._account, hashed(f"account {account}"))
        around = (self._network, hashed(f"accounts from {where_from()}"))
        shared = [everywhere, around] if account else []
        return Attempt(counts=[here, *shared], forgiven=shared)

    def refreshing(self, body: Mapping[str, Any]) -> Attempt:
        """A refresh: by its session where the token is ours, for others on the network have none
        of those; else by the network."""
        session_id = self._session_of(_text(body, "refresh_token"))
        asker = f"session {session_id}" if session_id else f"no session {where_from()}"
        return Attempt(counts=[(self._network, hashed(f"refresh {asker}"))])

    def registering(self, _: Mapping[str, Any]) -> Attempt:
        """A registration, which makes an account however it is counted: by the network alone."""
        return Attempt(counts=[(self._network, hashed(f"register {where_from()}"))])

    def proving(self, _: Mapping[str, Any]) -> Attempt:
        """A passphrase that somebody signed in has to prove: by their session."""
        asker = f"session {g.claims[1]}" if g.claims else f"no session {where_from()}"
        return Attempt(counts=[(self._here, hashed(f"prove {asker}"))])


Kind = Callable[[Attempts, Mapping[str, Any]], Attempt]


def counts_as(kind: Kind) -> Callable[[V], V]:
    """Mark a view as an attempt of this kind, which alone limits it."""

    def mark(view: V) -> V:
        view.attempt = kind  # type: ignore[attr-defined]  # decorators hand it on
        return view

    return mark


def limit_attempts(app: Flask, attempts: Attempts) -> None:
    """Limit the views that are marked as attempts."""

    @app.before_request
    def count() -> None:
        if kind := _kind_of_request():
            g.attempt = kind(attempts, _body())
            g.limited = _count(g.attempt).headers

    @app.after_request
    def forgive(reply: Response) -> Response:
        attempt: Attempt | None = g.get("attempt")
        if attempt and reply.status_code < FIRST_FAILURE:
            _take_back(attempt.forgiven)
        return reply


def _count(attempt: Attempt) -> Standing:
    """Count the attempt; how it stands to its strictest rate. Raises Problem where one refuses.

    What others used up of the wider rates is told to nobody before it is all used up.
    """
    standings: list[Standing] = []
    for rate, asker in attempt.counts:
        standings.append(rate.count(asker))
        if standings[-1].left < 0:
            _take_back(attempt.counts[: len(standings) - 1])
            raise too_many_requests(standings[-1], "attempts with a passphrase")
    return standings[0]


def _take_back(counts: Sequence[tuple[Rate, str]]) -> None:
    for rate, asker in counts:
        rate.take_back(asker)


def _kind_of_request() -> Kind | None:
    if request.method not in METHODS:
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "attempt", None)


def _body() -> Mapping[str, Any]:
    """The body, as far as it is an object of JSON; the schemas judge it later."""
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""
