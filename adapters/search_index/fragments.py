"""Excerpts of texts around the words that were found. Engines have no part in it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from adapters.search_index import languages
from adapters.search_index.analysis import Unit, Word, terms_of, units
from adapters.search_index.folding import LONGEST
from application.ports.read_models import Fragment

WIDTH = 180
"""The characters of an excerpt, at most, unless a single word is longer."""
CUT = "…"


class Span(NamedTuple):
    """Where a word of the query, given by its number, was found."""

    start: int
    end: int
    word: int


def fragment(texts: Iterable[str], words: Sequence[Word]) -> Fragment | None:
    """Return the excerpt with most words of the query. None if no text has any."""
    best: tuple[int, str, list[Unit], list[Span]] | None = None
    for text in texts:
        found = list(units(text))
        spans = _densest(sorted(_spans(text, found, words)))
        distinct = len({span.word for span in spans})
        if spans and (best is None or distinct > best[0]):
            best = distinct, text, found, spans
    return None if best is None else _cut(*best[1:])


def _spans(text: str, found: Sequence[Unit], words: Sequence[Word]) -> Iterator[Span]:
    places = _places(terms_of(found))
    for number, word in enumerate(words):
        if word.in_run:
            hits = _runs(places, found, word)
        else:
            hits = _exact(found, word) or _alike(text, found, word)
        for first, last in hits:
            yield Span(found[first].start, found[last].end, number)


def _places(terms: Sequence[str]) -> Mapping[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, term in enumerate(terms):
        places.setdefault(term, []).append(place)
    return places


def _runs(
    places: Mapping[str, list[int]], found: Sequence[Unit], word: Word
) -> list[tuple[int, int]]:
    if word.size == 1:
        lone = [place for place, unit in enumerate(found) if unit.form == word.form and unit.in_run]
        return [(place, place) for place in lone]
    phrases = [phrase for phrase in (word.terms, word.loose) if phrase]
    for phrase in phrases:
        if starts := _phrase(places, phrase):
            return [(start, start + len(phrase)) for start in starts]
    return []


def _phrase(places: Mapping[str, list[int]], phrase: Sequence[str]) -> list[int]:
    starts = set(places.get(phrase[0], ()))
    for step, term in enumerate(phrase[1:], start=1):
        starts &= {place - step for place in places.get(term, ())}
    return sorted(starts)


def _exact(found: Sequence[Unit], word: Word) -> list[tuple[int, int]]:
    if word.is_prefix:
        return _at(unit.form.startswith(word.form) and not unit.in_run for unit in found)
    return _at(unit.form == word.form for unit in found)


def _alike(text: str, found: Sequence[Unit], word: Word) -> list[tuple[int, int]]:
    """Return the words with the same stem, or else those with one letter mistyped."""
    stems = set(word.stems)
    spoken = languages.spoken(unit.form for unit in found) or languages.ALL
    same = _at(
        not unit.in_run and not stems.isdisjoint(_stems(text, unit, spoken)) for unit in found
    )
    if same or not word.may_be_mistyped:
        return same
    return _at(not unit.in_run and is_mistyped(unit.form, word.form) for unit in found)


def _stems(text: str, unit: Unit, spoken: frozenset[str]) -> tuple[str, ...]:
    return languages.stems(text[unit.start : unit.end][:LONGEST], spoken)


def _at(hits: Iterable[bool]) -> list[tuple[int, int]]:
    return [(place, place) for place, hit in enumerate(hits) if hit]


def is_mistyped(one: str, other: str) -> bool:
    """Return whether a letter too many, too few, another or two swapped make the difference."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    one, other = one[start:], other[start:]
    swapped = one[:2] == other[1::-1] and one[2:] == other[2:]
    return swapped or one[1:] == other[1:] or one[1:] == other or one == other[1:]


def _densest(spans: Sequence[Span]) -> list[Span]:
    """Return the spans of one excerpt: with most different words, then with most words."""
    best, best_value = (0, 0), (0, 0)
    inside: Counter[int] = Counter()
    first = 0
    for last, span in enumerate(spans):
        inside[span.word] += 1
        while span.end - spans[first].start > WIDTH and first < last:
            inside[spans[first].word] -= 1
            first += 1
        value = (sum(count > 0 for count in inside.values()), last - first + 1)
        if value > best_value:
            best, best_value = (first, last + 1), value
    return list(spans[slice(*best)])


def _cut(text: str, found: Sequence[Unit], spans: Sequence[Span]) -> Fragment:
    start, end = _bounds(text, found, spans[0].start, max(span.end for span in spans))
    before, behind = CUT if start else "", CUT if end < len(text) else ""
    shift = len(before) - start
    merged = _merged(spans)
    return Fragment(
        before + text[start:end] + behind,
        tuple((first + shift, last + shift) for first, last in merged),
    )


def _bounds(text: str, found: Sequence[Unit], first: int, last: int) -> tuple[int, int]:
    """Return an excerpt around [first, last) that cuts no word."""
    if len(text) <= WIDTH:
        return 0, len(text)
    spare = max(WIDTH - (last - first), 0)
    earliest = max(min(first - spare // 2, len(text) - WIDTH), 0)
    latest = max(earliest + WIDTH, last)
    start = min(unit.start for unit in found if unit.start >= min(earliest, first))
    end = max(unit.end for unit in found if unit.end <= latest)
    return (0 if earliest == 0 else start), (len(text) if latest >= len(text) else end)


def _merged(spans: Iterable[Span]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end, _ in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
