"""Complete the last word of a query, as documents write it."""

from collections.abc import Iterable, Iterator

from adapters.search_index.analysis import Word, breaks, units


def completions(texts: Iterable[str], word: Word) -> Iterator[str]:
    """Yield the words of the texts that begin with an unfinished word, as they are written."""
    for text in texts:
        if word.in_run:
            yield from _in_runs(text, word)
        else:
            for unit in units(text):
                if not unit.in_run and unit.form.startswith(word.form):
                    yield text[unit.start : unit.end]


def _in_runs(text: str, word: Word) -> Iterator[str]:
    """Yield what begins with the word and goes on to the end of a word of the dictionary."""
    found = list(units(text))
    for place in range(len(found) - word.size + 1):
        part = found[place : place + word.size]
        whole = all(unit.in_run and (unit.joined or unit is part[0]) for unit in part)
        if whole and "".join(unit.form for unit in part).startswith(word.form):
            last = place + word.size
            while last < len(found) and found[last].joined:
                last += 1
            run = text[part[0].start : found[last - 1].end]
            size = part[-1].end - part[0].start
            yield run[: next(end for end in breaks(run) if end >= size)]
