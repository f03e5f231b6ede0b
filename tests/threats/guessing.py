"""Guess who reported anonymous cases, by one channel at a time, and count how often it is right.

A guess that finds nothing falls back on chance, as a guesser would.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import comb
from random import Random

from tests.threats.town import SEED, Case

FALSE_ALARM = 1e-6
"""How rarely pure chance may guess so well that it counts as a finding."""
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TOKENS = (UUID, re.compile(r"[0-9a-f]{16,}"), re.compile(r"[\w+/-]{24,}={0,2}"))
MOST_STEPS = 4
HUB = 40
"""What is in so many records connects nobody with anything."""

Guess = Callable[[Case], Iterable[str]]
"""The members whom a channel suspects of having reported the case."""


def probability(hits: int, cases: int, people: int) -> float:
    """Return how likely chance makes at least so many hits among the cases."""
    p = 1 / people
    return sum(comb(cases, n) * p**n * (1 - p) ** (cases - n) for n in range(hits, cases + 1))


class Guesser:
    """Counts the hits of guesses among these people."""

    def __init__(self, members: Sequence[str], cases: Sequence[Case]) -> None:
        self._members = members
        self._cases = cases

    def hits(self, guess: Guess) -> int:
        chance = Random(SEED)
        return sum(case.author == self._pick(guess(case), chance) for case in self._cases)

    def knows_more_than_chance(self, guess: Guess) -> bool:
        found = probability(self.hits(guess), len(self._cases), len(self._members))
        return found < FALSE_ALARM

    def _pick(self, suspected: Iterable[str], chance: Random) -> str:
        """Pick one of the suspects in the order of registration, which no random id decides."""
        found = set(suspected)
        return chance.choice([each for each in self._members if each in found] or self._members)


def most_mentioned(texts: Mapping[str, str], people: Mapping[str, str]) -> Guess:
    """Suspect who is named most often in what is known of a case. ``people`` are names by id."""

    def guess(case: Case) -> Iterable[str]:
        text = texts[case.case_id]
        counts = Counter({each: text.count(each) + text.count(people[each]) for each in people})
        most = max(counts.values())
        return [each for each, count in counts.items() if count == most > 0]

    return guess


def beside(sequence: Sequence[str], owners: Mapping[str, str]) -> Guess:
    """Suspect the owners of what stands next to a case in a sequence of ids.

    ``owners`` are the members, by the ids of what they did under their names.
    """
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(sequence):
        places[each].append(place)
    named = [place for place, each in enumerate(sequence) if each in owners]

    def guess(case: Case) -> Iterable[str]:
        own = [*places[case.case_id], *places[case.evidence_id]]
        apart = {place: min(abs(place - each) for each in own) for place in named if own}
        nearest = min(apart.values(), default=0)
        return [owners[sequence[place]] for place, far in apart.items() if far == nearest]

    return guess


def at_the_time(cases: Mapping[str, int], marks: Iterable[tuple[int, str]]) -> Guess:
    """Suspect the members who left a mark nearest to the time of the case."""
    known = list(marks)

    def guess(case: Case) -> Iterable[str]:
        if case.case_id not in cases or not known:
            return []
        at = cases[case.case_id]
        nearest = min(abs(time - at) for time, _ in known)
        return [member for time, member in known if abs(time - at) == nearest]

    return guess


def like_an_id(ids: Mapping[str, Iterable[str]], owned: Mapping[str, str]) -> Guess:
    """Suspect the owners of the ids that begin or end most like those of the case, as ids do that
    hold a time, a number or a machine. ``ids`` are those of each case."""

    def guess(case: Case) -> Iterable[str]:
        likeness = {
            other: max(_alike(each, other) for each in ids[case.case_id]) for other in owned
        }
        most = max(likeness.values(), default=0)
        return [owned[other] for other, count in likeness.items() if count == most]

    return guess


def _alike(one: str, other: str) -> int:
    """Return how many characters the ends of two ids have in common."""
    return max(_shared(one, other), _shared(one[::-1], other[::-1]))


def _shared(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def connected(records: Iterable[str], members: Iterable[str]) -> Guess:
    """Suspect the members whom the shortest chain of records connects with the case: each record
    shares an id, a hash or a sealed text with the one before it."""
    tokens = [
        frozenset(token for kind in TOKENS for token in kind.findall(record))
        for record in set(records)
    ]
    by_token: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
    for found in tokens:
        for token in found:
            by_token[token].append(found)
    people = set(members)

    def guess(case: Case) -> Iterable[str]:
        seen = reached = {case.case_id, case.evidence_id}
        for _ in range(MOST_STEPS):
            chains = (by_token[token] for token in reached if len(by_token[token]) <= HUB)
            reached = {token for chain in chains for found in chain for token in found} - seen
            seen = seen | reached
            if suspects := reached & people:
                return suspects
        return []

    return guess


def by_sums(sizes: Mapping[str, int], totals: Iterable[int], owners: Mapping[str, str]) -> Guess:
    """Suspect the owners of files whose sizes, with that of the case, add up to a total of
    somebody's."""
    wanted = set(totals)

    def guess(case: Case) -> Iterable[str]:
        own = sizes.get(case.evidence_id, 0)
        return [owners[each] for each in owners if own + sizes.get(each, 0) in wanted]

    return guess


def changed(before: Iterable[str], after: Iterable[str], members: Iterable[str]) -> set[str]:
    """Return the members who are in rows that one copy of a store has and the other lacks."""
    new = "\n".join(set(after) ^ set(before))
    return {member for member in members if member in new}
