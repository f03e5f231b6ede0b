"""Which cases are similar, because the same members take part in them?

At least five members are behind each pair of similar cases, and nobody learns from it whether one
certain member is. Their number is known with noise alone, drawn by a key of the instance for each
pair and week. So who controls all of them but one cannot tell whether that one takes part: the
noise is geometric, which makes it differentially private (Ghosh, Roughgarden, Sundararajan; STOC
2009), and it is cut off, so that never fewer than five make a pair.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from math import exp, log, sqrt

LEAST_MEMBERS = 5
PRIVACY = 1 / 4
"""One more member changes the odds of what can be seen by e^(1/4) in a week."""
MOST_NOISE = 16
"""As much noise or more is drawn for one pair in a hundred; that is what cutting it off costs."""
SHRINKAGE = 10
"""A pair with so many members counts half."""
RARITY = 0.65
"""How much its size counts against a similar case. With 1/2, as in a cosine, the large ones, which
everybody knows, would be similar to all others."""

Draw = Callable[[str], float]
"""Return a number from 0 to 1 for a pair: the same one for the whole week."""


def counted(groups: Mapping[str, Iterable[Collection[str]]]) -> Mapping[str, Counter[str]]:
    """Count how many members of each case take part in each other case.

    ``groups`` holds the cases of each of these members, by the case that they have in common.
    """
    found = {}
    for case_id, members in groups.items():
        together = Counter(other for cases in members if case_id in cases for other in cases)
        del together[case_id]
        found[case_id] = together
    return found


def noisy(counts: Mapping[str, Counter[str]], draw: Draw) -> Mapping[str, Mapping[str, int]]:
    """Return the numbers with noise, of the pairs that have enough members with any noise."""
    return {case_id: _enough(case_id, others, draw) for case_id, others in counts.items()}


def _enough(case_id: str, others: Counter[str], draw: Draw) -> Mapping[str, int]:
    candidates = {other: number for other, number in others.items() if number >= LEAST_MEMBERS}
    drawn = {
        other: number + noise(draw(" ".join(sorted((case_id, other)))))
        for other, number in candidates.items()
    }
    return {key: number for key, number in drawn.items() if number >= LEAST_MEMBERS + MOST_NOISE}


def noise(chance: float) -> int:
    """Return geometric noise of both signs, not above ``MOST_NOISE``, for a number from 0 to 1."""
    size = log((1 + exp(-PRIVACY)) * max(min(chance, 1 - chance), 1e-12)) / -PRIVACY
    least = min(MOST_NOISE, max(0, int(size)))
    return least if chance > 1 / 2 else -least


def scores(
    pairs: Mapping[str, Mapping[str, int]], sizes: Mapping[str, int]
) -> Mapping[str, Mapping[str, float]]:
    """Return the similarity of each pair: a cosine that favours small cases, shrunk where few
    members are behind it.

    ``sizes`` are the numbers that everybody knows of the members of each case.
    """
    return {
        case_id: {
            other: number * _trust(number) / (sqrt(sizes[case_id]) * sizes[other] ** RARITY)
            for other, number in others.items()
        }
        for case_id, others in pairs.items()
    }


def _trust(number: int) -> float:
    return number / (number + SHRINKAGE)
