"""Translate questions to a search index into the language of the search module of Redis.

Everything becomes an FT.AGGREGATE: a query for what the module has an index of, and steps that
filter, rank, sort and count what it found. Rows are ranked before they are cut into pages, so a
page can begin after any row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import pi, sin
from typing import Any

from adapters.read_models.indexing import DATE_LINE, scalar
from adapters.search_index.analysis import Word, asked
from adapters.search_index.columns import encoded, encoded_text
from adapters.search_index.redis_fields import (
    BODY,
    KEY,
    STEM,
    TERM,
    marked,
    number_of,
    stems_of,
    vector,
)
from application.ports.read_models import (
    RELEVANCE,
    Between,
    Condition,
    Cursor,
    Equals,
    Find,
    HasWords,
    InBox,
    Near,
    OneOf,
    Recency,
)
from domain.sphere import EARTH_KM

Step = str | int
Columns = Mapping[str, str]
"""The field of each index, by the name of the index."""

SCORED = ("ADDSCORES", "SCORER", "BM25STD")
RANK, COUNT = "rank", "n"
VALUE = "value"
NOTHING = "@k:{9}"
AS_BEGUN, AS_STEM = 0.6, 0.4
"""What a word with this beginning, or without an ending, counts."""

# A rank is a logarithm to the base of 2 in millionths: the server writes numbers with 12 digits.
_PRECISION = 1_000_000
_LEAST_SCORE = 0.000001
_MICROSECONDS_A_DAY = 86_400_000_000
# So much wider than asked for may a circle be: less than a centimetre.
_SLACK = 1e-9
# No value is encoded like this.
_NO_VALUE = "9"


# Conditions


def query_of(where: Sequence[Condition], columns: Columns) -> str:
    """Return the query for the rows that meet the conditions, as far as indexes serve them."""
    return " ".join(part for one in where if (part := _query(one, columns[one.field])))


def filters_of(where: Sequence[Condition], columns: Columns) -> list[Step]:
    """Return the steps that leave the rows that meet the conditions exactly."""
    return _filters(test for one in where for test in _tests(one, columns[one.field]))


def _query(condition: Condition, field: str) -> str:
    match condition:
        case Equals(value=value):
            return f"@{field}:{{{encoded(scalar(value))}}}"
        case OneOf(values=values):
            wanted = [encoded(scalar(value)) for value in values] or [_NO_VALUE]
            return f"@{field}:{{{'|'.join(wanted)}}}"
        case InBox():
            band = _range(f"{field}lat", condition.south, condition.north)
            return f"{band} {_longitudes(condition, f'{field}lon')}"
        case Near():
            return _around(condition, field)
        case HasWords(text=text):
            return _weighed(matching(asked(text), (field,), mistyped=False), 0)
    return ""


def _longitudes(box: InBox, field: str) -> str:
    if box.west <= box.east:
        return _range(field, box.west, box.east)
    return f"({_range(field, box.west, DATE_LINE)} | {_range(field, -DATE_LINE, box.east)})"


def _around(near: Near, field: str) -> str:
    """Return the query for the cube around a circle, which neither date line nor poles cut."""
    reach = _chord(near.km)
    sides = vector(near.lat, near.lon)._asdict().items()
    return " ".join(_range(f"{field}{axis}", at - reach, at + reach) for axis, at in sides)


def _range(field: str, least: float, most: float) -> str:
    return f"@{field}:[{least:.15f} {most:.15f}]"


def _tests(condition: Condition, field: str) -> Iterator[str]:
    match condition:
        case Between(least=least, below=below):
            yield f'@{field} >= "{encoded(scalar(least))}"'
            yield f'@{field} > "{encoded(None)}"'
            if below is not None:
                yield f'@{field} < "{encoded(scalar(below))}"'
        case Near():
            sides = vector(condition.lat, condition.lon)._asdict().items()
            signs = (("-" if at > 0 else "+", axis, abs(at)) for axis, at in sides)
            squares = [f"(@{field}{axis} {sign} {at:.17f})^2" for sign, axis, at in signs]
            yield f"{' + '.join(squares)} <= {_chord(condition.km) ** 2:.20f}"


def _chord(km: float) -> float:
    """Return the straight distance that a distance on the sphere stands for. Its radius is 1."""
    return 2 * sin(min(km / EARTH_KM, pi) / 2) + _SLACK


def _filters(tests: Iterable[str]) -> list[Step]:
    return [step for test in tests for step in ("FILTER", test)]


# Texts


def matching(words: Sequence[Word], fields: Sequence[str], *, mistyped: bool) -> str:
    """Return the query for the rows with these words in some of the fields."""
    return " ".join(_word(word, fields, mistyped=mistyped) for word in words) or NOTHING


def _word(word: Word, fields: Sequence[str], *, mistyped: bool) -> str:
    ways = [_phrase(word.terms, fields)]
    if word.is_prefix:
        ways.append(_weighed(_phrase(word.terms, fields, "*"), AS_BEGUN))
    if word.loose:
        ways.append(_weighed(_phrase(word.loose, fields), AS_STEM))
    if word.stems:
        # A word as it is written has the same stem, so it counts twice.
        stems = "|".join(marked(STEM, stem) for stem in word.stems)
        ways.append(_in(map(stems_of, fields), stems))
    if mistyped and word.may_be_mistyped:
        ways.append(_in(fields, _mistyped(word.form)))
    return f"{'~' if word.is_optional else ''}({' | '.join(ways)})"


def _phrase(terms: Sequence[str], fields: Sequence[str], ending: str = "") -> str:
    stored = " ".join(marked(TERM, term) for term in terms) + ending
    if len(terms) == 1:
        return _in(fields, stored)
    return f"{_in(fields, stored)}=>{{$slop: 0; $inorder: true}}"


def _weighed(query: str, weight: float) -> str:
    return f"({query})=>{{$weight: {weight}}}"


def _mistyped(form: str) -> str:
    """Return a letter too many, too few or another, and, as the server does not, two swapped."""
    pairs = enumerate(pairwise(form))
    swapped = {f"{form[:at]}{second}{first}{form[at + 2 :]}" for at, (first, second) in pairs}
    stored = [marked(TERM, other) for other in sorted(swapped)]
    return "|".join([f"%{marked(TERM, form)}%", *stored])


def _in(fields: Iterable[str], query: str) -> str:
    return f"@{'|'.join(fields)}:({query})"


# Orders and pages


def ranked(recency: Recency | None, columns: Columns) -> list[Step]:
    """Return the step that ranks rows by score, halved for each half-life that they are older."""
    rank = f"log2(@__score + {_LEAST_SCORE:f})"
    if recency is not None:
        half_life = recency.half_life_days * _MICROSECONDS_A_DAY
        rank += f" + @{number_of(columns[recency.field])} / {half_life:f}"
    return ["APPLY", f"floor({_PRECISION} * ({rank}))", "AS", RANK]


def score_of(rank: Any) -> float:
    return float(rank) / _PRECISION


def page(find: Find, columns: Columns, after: Cursor | None, limit: int) -> list[Step]:
    """Return the steps that sort the rows, and load those of one page."""
    field = _sorted_by(find, columns)
    way = "DESC" if find.descending or field == RANK else "ASC"
    order = [part for one in (field, KEY) if one for part in (f"@{one}", way)]
    behind = [] if after is None else [_behind(after, field, "<" if way == "DESC" else ">")]
    sort: list[Step] = ["SORTBY", len(order), *order, "MAX", limit]
    return [*_filters(behind), *sort, "LOAD", 2, f"@{BODY}", f"@{KEY}"]


def _sorted_by(find: Find, columns: Columns) -> str:
    if find.order_by == RELEVANCE:
        return RANK
    return columns[find.order_by] if find.order_by else ""


def _behind(cursor: Cursor, field: str, sign: str) -> str:
    key = f'@{KEY} {sign} "{encoded_text(cursor.key)}"'
    if not field:
        return key
    if field == RANK:
        value = str(round(cursor.value * _PRECISION))
    else:
        value = f'"{encoded(scalar(cursor.value))}"'
    return f"@{field} {sign} {value} || (@{field} == {value} && {key})"


def one() -> list[Step]:
    """Return the steps that leave a single row, if there is any."""
    return ["LIMIT", 0, 1]


def some(number: int) -> list[Step]:
    """Return the steps that load so many rows, those with the highest keys."""
    return ["SORTBY", 2, f"@{KEY}", "DESC", "MAX", number, "LOAD", 1, f"@{BODY}"]


def total() -> list[Step]:
    """Return the steps that count the rows."""
    return ["GROUPBY", 0, "REDUCE", "COUNT", 0, "AS", COUNT]


def most_frequent(field: str, limit: int) -> list[Step]:
    """Return the steps that count the rows with each value."""
    return [
        *("APPLY", f'split(@{field}, ",")', "AS", "value"),
        *("GROUPBY", 1, "@value", "REDUCE", "COUNT", 0, "AS", COUNT),
        *("SORTBY", 4, f"@{COUNT}", "DESC", "@value", "ASC", "MAX", limit),
    ]
