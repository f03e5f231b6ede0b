"""Limit attempts to sign in: guessing becomes slow, and no member is locked out (ADR 31)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request

from application.security import SecurityLog, SignInsRefused
from application.use_cases.members.accounts import handle_of
from entrypoints.http.limits import Rate, Standing, hashed, too_many_requests, where_from

V = TypeVar("V", bound=Callable[..., Any])

# A customer of an IPv6 provider gets a /48 at most, which holds 65,536 networks of the usual size.
# Counting the usual size would let one customer use up an account's rate from everywhere.
LARGEST_NETWORK = 48
METHODS = ("POST", "PUT", "DELETE")
FIRST_FAILURE = 400
REFUSALS = (401, 403, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The rates that an attempt counts against, each with the key to count by; the strictest first.

    A rate that refuses an attempt undoes the counts before it. A refused client therefore uses up
    no rate that others share, and takes no memory. A success is not counted in ``forgiven``.
    """

    counts: Sequence[tuple[Rate, str]]
    forgiven: Sequence[tuple[Rate, str]] = ()


class Attempts:
    """Says which rates an attempt counts against: one account from one network, one account from
    everywhere, and one network. Each rate is written as "5 per minute; 20 per hour".

    ``security`` counts the refused attempts.
    """

    def __init__(
        self,
        here: str,
        account: str,
        network: str,
        session_of: Callable[[str], str | None],
        security: SecurityLog,
    ) -> None:
        self._here, self._account, self._network = Rate(here), Rate(account), Rate(network)
        self._session_of = session_of
        self.security = security

    def signing_in(self, body: Mapping[str, Any]) -> Attempt:
        """Count an attempt to sign in. An account that does not exist is counted alike."""
        account = handle_of(_text(body, "pseudonym"))
        here = (self._here, hashed(f"account {account} from {where_from(LARGEST_NETWORK)}"))
        everywhere = (self._account, hashed(f"account {account}"))
        around = (self._network, hashed(f"accounts from {where_from()}"))
        shared = [everywhere, around] if account else []
        return Attempt(counts=[here, *shared], forgiven=shared)

    def refreshing(self, body: Mapping[str, Any]) -> Attempt:
        """Count a refresh by its session, which only its member can use up; without a valid token
        by the network."""
        session_id = self._session_of(_text(body, "refresh_token"))
        asker = f"session {session_id}" if session_id else f"no session {where_from()}"
        return Attempt(counts=[(self._network, hashed(f"refresh {asker}"))])

    def registering(self, _: Mapping[str, Any]) -> Attempt:
        """Count a registration by the network alone: the account does not exist yet."""
        return Attempt(counts=[(self._network, hashed(f"register {where_from()}"))])

    def proving(self, _: Mapping[str, Any]) -> Attempt:
        """Count a passphrase that a signed-in member enters again, by their session."""
        asker = f"session {g.claims[1]}" if g.claims else f"no session {where_from()}"
        return Attempt(counts=[(self._here, hashed(f"prove {asker}"))])


Kind = Callable[[Attempts, Mapping[str, Any]], Attempt]


def counts_as(kind: Kind) -> Callable[[V], V]:
    """Mark a view as an attempt of this kind. The general rate limit then does not apply to it."""

    def mark(view: V) -> V:
        view.attempt = kind  # type: ignore[attr-defined]  # decorators hand it on
        return view

    return mark


def limit_attempts(app: Flask, attempts: Attempts) -> None:
    """Limit the views that ``counts_as`` marks."""

    @app.before_request
    def count() -> None:
        if kind := _kind_of_request():
            g.attempt = kind(attempts, _body())
            g.limited = count_attempt(g.attempt).headers

    @app.after_request
    def forgive_success(reply: Response) -> Response:
        attempt: Attempt | None = g.get("attempt")
        if attempt and reply.status_code < FIRST_FAILURE:
            forgive(attempt)
        if attempt and reply.status_code in REFUSALS:
            attempts.security.count(SignInsRefused)
        return reply


def count_attempt(attempt: Attempt) -> Standing:
    """Count the attempt and return the state of its strictest rate. Raises Problem if one refuses.

    The headers show only that rate: the wider ones would reveal how much others have used.
    """
    standings: list[Standing] = []
    for rate, asker in attempt.counts:
        standings.append(rate.count(asker))
        if standings[-1].left < 0:
            _take_back(attempt.counts[: len(standings) - 1])
            raise too_many_requests(standings[-1], "attempts with a passphrase")
    return standings[0]


def forgive(attempt: Attempt) -> None:
    """Undo what a successful attempt does not count against."""
    _take_back(attempt.forgiven)


def _take_back(counts: Sequence[tuple[Rate, str]]) -> None:
    for rate, asker in counts:
        rate.take_back(asker)


def _kind_of_request() -> Kind | None:
    if request.method not in METHODS:
        return None
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "attempt", None)


def _body() -> Mapping[str, Any]:
    """Return the body if it is a JSON object, or else {}. The schema validates it later."""
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""
