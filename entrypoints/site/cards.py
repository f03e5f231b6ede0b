"""Cases as lists show them, in the order of another list that knows them by their ids."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from entrypoints.site.visit import visit

EXCERPTS = ("story", "comment", "party", "tag", "place")
"""Which excerpt of a case is shown: the first of these in which something was found."""

Case = dict[str, Any]


def cases_of(ranked: Sequence[Mapping[str, Any]]) -> list[Case]:
    """Return the cases of these documents in their order, without those that are not public."""
    return [case for case, _ in _paired(ranked)]


def with_reasons(recommended: Sequence[Mapping[str, Any]]) -> list[Case]:
    """Return recommended cases with their ``reasons``."""
    return [{**case, "reasons": each["reasons"]} for case, each in _paired(recommended)]


def with_excerpts(found: Sequence[Mapping[str, Any]]) -> list[Case]:
    """Return cases that were searched for, with ``title_found`` and ``excerpt`` in pieces."""
    return [{**case, **_marked(each["highlights"])} for case, each in _paired(found)]


def cases_by_id(ids: Sequence[str]) -> dict[str, Case]:
    """Return those of the cases that are public."""
    if not ids:
        return {}
    cases = visit.get("/cases", case_ids=",".join(ids), limit=len(ids))["items"]
    return {case["case_id"]: case for case in cases}


def _marked(highlights: Mapping[str, Any]) -> dict[str, Any]:
    texts = (highlights.get(name, ()) for name in EXCERPTS)
    excerpt = next((each for each in texts if any(piece["found"] for piece in each)), None)
    return {"title_found": highlights.get("title"), "excerpt": excerpt}


def _paired(
    documents: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Case, Mapping[str, Any]]]:
    """Yield each document with its case, if that is public."""
    known = cases_by_id([each["case_id"] for each in documents])
    for each in documents:
        if case := known.get(each["case_id"]):
            yield case, each
