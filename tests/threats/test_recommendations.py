"""Whoever reads recommendations cannot tell whether one certain member supports a case.

The attacker has as many accounts as they like, knows the rules, and has lured the member into a
case in which nobody else takes part. All of these accounts support another case. So one person
alone is unknown of those behind the pair of cases: the member. The attacker looks each week, and
guesses for each of forty members whether they support the other case; half of them do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random

import pytest

from application.engine.derived_ids import keyed_id
from application.queries import similarity
from application.queries.recommended_cases import WEEKS
from application.queries.recommending import ReasonKind
from application.queries.similarity import LEAST_MEMBERS, MOST_NOISE
from domain.cases.engagement import EngagementDeed
from tests.application.recommending import MONDAY, Shelf
from tests.threats.guessing import FALSE_ALARM, probability
from tests.threats.town import SEED

TARGETS = 40
Weeks = Sequence[Sequence[str]]
"""The similar cases that the attacker was recommended each week, in their order."""
Guess = Callable[[Weeks, str], bool]


@dataclass(frozen=True)
class Trap:
    """What the attacker sees of one member, who supports the secret case or does not."""

    supports: bool
    seen: Weeks
    secret: str


def trap(number: int, accounts: int, *, supports: bool) -> Trap:
    """Lure a member, and look for as long as what they did counts."""
    shelf, member = Shelf(), f"member-{number}"
    lure, secret, other = (f"{each}-{number}" for each in ("lure", "secret", "other"))
    shelf.publish(lure, secret, other)
    shelf.publish(*"123456", at=MONDAY + timedelta(days=100))  # the most popular ones
    shelf.support([f"account-{each}" for each in range(accounts)], lure, secret, other)
    shelf.follow(member, lure)
    shelf.support([member if supports else "passer-by"], secret)
    shelf.support(["passer-by"], other)
    shelf.sign("reader", lure, EngagementDeed.FOLLOWED)
    key = Random(number).randbytes(32)
    seen = []
    for week in range(WEEKS):
        shelf.begin_week(MONDAY + timedelta(weeks=week))
        rows = shelf.found("reader", keyed=partial(keyed_id, key))
        similar = [row for row in rows if row.reasons[0].kind is ReasonKind.SIMILAR]
        seen.append([row.case_id for row in similar])
    return Trap(supports, seen, secret)


def hits(accounts: int, guess: Guess) -> int:
    """Return how many guesses are right."""
    chance = Random(SEED)
    answers = [True, False] * (TARGETS // 2)
    chance.shuffle(answers)
    traps = [trap(number, accounts, supports=each) for number, each in enumerate(answers)]
    return sum(guess(each.seen, each.secret) == each.supports for each in traps)


def is_seen(seen: Weeks, secret: str) -> bool:
    """Suspect a member of supporting what is recommended in half of the weeks."""
    return sum(secret in week for week in seen) * 2 >= len(seen)


def is_ever_seen(seen: Weeks, secret: str) -> bool:
    return any(secret in week for week in seen)


def leads(seen: Weeks, secret: str) -> bool:
    """Suspect a member of supporting what is recommended before a case that they do not support."""
    return sum(week[:1] == [secret] for week in seen) * 2 >= len(seen)


def know_more_than_chance(found: int) -> bool:
    return probability(found, TARGETS, 2) < FALSE_ALARM


@pytest.mark.parametrize(
    ("accounts", "guess"),
    [
        (LEAST_MEMBERS - 1, is_ever_seen),
        (LEAST_MEMBERS + MOST_NOISE - 1, is_seen),
        (2 * MOST_NOISE + LEAST_MEMBERS, leads),
    ],
    ids=["all of five but one", "so many that chance decides", "by the order"],
)
def test_the_accounts_of_an_attacker_do_not_tell_who_is_the_other(
    accounts: int, guess: Guess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not know_more_than_chance(hits(accounts, guess))
    monkeypatch.setattr(similarity, "noise", lambda _: MOST_NOISE)
    least = LEAST_MEMBERS - 1 if guess is is_seen else accounts
    assert know_more_than_chance(hits(least, guess)), "without noise, they would"
