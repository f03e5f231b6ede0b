"""Split texts in any script into the terms that every engine indexes, and queries into the same.

Words of scripts with spaces are one term each. Scripts without spaces, and Korean, are indexed by
each pair of neighbouring letters, so that a word is found wherever it begins: only a query is cut
into words, by ICU's dictionaries, and each word becomes a phrase of pairs.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise, zip_longest
from typing import NamedTuple

from icu import BreakIterator, Locale

from adapters.search_index import languages
from adapters.search_index.folding import LONGEST, Classes, fold

MOST_WORDS = 32
"""The words of a query that count."""
LONG = 5
"""A word with so many letters is also found with a typing error."""
BETWEEN = "|"
"""A term between two texts of one field, so that no phrase spans both."""

_CLASSES = Classes()
_CHUNK = re.compile(r"w(?:[wmi]*[wm])?|r(?:[rmi]*[rm])?")
_LETTER = re.compile(r"r[mi]*")
_MOST_LETTERS = 1000
# The particles that end a Korean word, longest first.
_KOREAN = re.compile(
    "(?<=[가-힣])(?:에게서|으로부터|에서는|이라고|으로|에서|에게|한테|까지|부터|처럼|라고|하고|[을를이가은는에의도로와과만])$"
)


class Unit(NamedTuple):
    """A word, or a letter of a run, at [start, end) of the text. Its form is folded."""

    start: int
    end: int
    form: str
    in_run: bool = False
    joined: bool = False
    """Whether the unit before it belongs to the same run."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a query. A text contains it if it has the terms, one after the other."""

    form: str
    terms: tuple[str, ...]
    size: int
    """The number of its units: 1, or the letters of a run."""
    start: int = 0
    """Where it begins in the query."""
    in_run: bool = False
    is_prefix: bool = False
    """Whether the last term is only the beginning of one."""
    stems: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    """The terms of the word without its ending, for a word of a run."""
    is_unfinished: bool = False
    is_optional: bool = False
    """Whether the word says so little that a text need not have it."""

    @property
    def may_be_mistyped(self) -> bool:
        return not self.in_run and len(self.form) >= LONG and self.form.isalpha()


def units(text: str) -> Iterator[Unit]:
    """Yield the words of a text, and the letters of its runs. Linear in its length."""
    classes = text.translate(_CLASSES)
    for chunk in _CHUNK.finditer(classes):
        start, end = chunk.span()
        if classes[start] == "w":
            if form := fold(text[start:end][:LONGEST]):
                yield Unit(start, end, form)
        else:
            yield from _letters(text, classes, start, end)


def _letters(text: str, classes: str, start: int, end: int) -> Iterator[Unit]:
    joined = False
    for letter in _LETTER.finditer(classes, start, end):
        first, last = letter.span()
        yield Unit(first, last, fold(text[first:last][:LONGEST]), in_run=True, joined=joined)
        joined = True


def terms(text: str) -> list[str]:
    """Return the terms of a text, in the order of their positions."""
    return terms_of(list(units(text)))


def terms_of(found: Sequence[Unit]) -> list[str]:
    pairs = zip_longest(found, found[1:])
    return [
        one.form + following.form if following and following.joined else one.form
        for one, following in pairs
    ]


def stems(text: str, languages_around: frozenset[str] = languages.ALL) -> list[str]:
    """Return the stems of the words of a text, in its languages.

    If no frequent words tell them, they are those of the texts around it.
    """
    found = [unit for unit in units(text) if not unit.in_run]
    spoken = languages.spoken(unit.form for unit in found) or languages_around
    return [
        stem
        for unit in found
        for stem in languages.stems(text[unit.start : unit.end][:LONGEST], spoken)
    ]


def spoken(texts: Iterable[str]) -> frozenset[str]:
    """Return the languages of several texts together; all if nothing tells them."""
    forms = (unit.form for text in texts for unit in units(text))
    return languages.spoken(forms) or languages.ALL


def joined(texts: Iterable[Sequence[str]]) -> str:
    """Return the terms of several texts as one, for an engine that splits at spaces."""
    return f" {BETWEEN} ".join(" ".join(its_terms) for its_terms in texts)


def asked(text: str, *, typing: bool = False) -> list[Word]:
    """Return the words of a query. If ``typing``, its last word is unfinished."""
    text = text[:_MOST_LETTERS]
    spans = list(_words(text))[:MOST_WORDS]
    words = [replace(_word(text[start:end]), start=start) for start, end in spans]
    if typing and spans and spans[-1][1] == len(text):
        words[-1] = replace(words[-1], is_prefix=True, is_unfinished=True, is_optional=False)
    if all(word.is_optional for word in words):
        return [replace(word, is_optional=False) for word in words]
    return words


def _words(text: str) -> Iterator[tuple[int, int]]:
    classes = text.translate(_CLASSES)
    for chunk in _CHUNK.finditer(classes):
        start, end = chunk.span()
        if classes[start] == "w":
            if fold(text[start:end][:LONGEST]):
                yield start, end
        else:
            for first, last in pairwise(breaks(text[start:end])):
                yield start + first, start + last


def breaks(run: str) -> list[int]:
    """Return where the words of a run begin and end, by ICU's dictionaries."""
    breaker = BreakIterator.createWordInstance(Locale.getRoot())
    breaker.setText(run)
    # ICU counts in units of UTF-16.
    sizes = accumulate(2 if letter > "\uffff" else 1 for letter in run)
    places = {size: place for place, size in enumerate(sizes, start=1)}
    return [0, *(places[end] for end in breaker)]


def _word(written: str) -> Word:
    found = list(units(written))
    form = "".join(unit.form for unit in found)
    optional = form in languages.FREQUENT
    if not found[0].in_run:
        return Word(
            form, (form,), 1, stems=languages.stems(written[:LONGEST]), is_optional=optional
        )
    lone = len(found) == 1
    ending = _KOREAN.search(form)
    return Word(
        form,
        _pairs(found),
        len(found),
        in_run=True,
        is_prefix=lone,
        loose=_pairs(found[: ending.start()]) if ending else (),
        is_optional=optional,
    )


def _pairs(run: Sequence[Unit]) -> tuple[str, ...]:
    """Return the terms that a run contains wherever it occurs: its last letter is no term."""
    return tuple(terms_of(run)[: max(len(run) - 1, 1)])
