"""Write cases as GeoJSON (RFC 7946) and as CSV (RFC 4180), one page at a time."""

import csv
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

import msgspec

from application.exports import ExportPart
from application.queries.case_document import CaseDocument
from domain.cases.place import Location
from entrypoints.http.links import Links

Parts = Iterable[ExportPart]

SEND = b""
"""Lets the server send what there is."""

# Where a spreadsheet could see the beginning of a formula; East Asian scripts have wide forms of
# the signs. A program that splits cells at semicolons or tabs ignores our quotes, so a formula
# could begin inside a cell as well.
FORMULA = re.compile(r"""(^|[;\t\r\n])([^\S\t\r\n]|")*(?=[-=+@\uff1d\uff0b\uff0d\uff20])""")
SIGN = re.compile("[-=+@\uff1d\uff0b\uff0d\uff20]")
SEPARATORS = ("\t", "\r", "\n")


def as_geojson(parts: Parts, links: Links) -> Iterator[bytes]:
    """Yield a feature collection of the cases that have a location, and of those that are gone."""
    yield b'{"type":"FeatureCollection","features":['
    separator = b""
    yield SEND
    for part in parts:
        if found := [msgspec.json.encode(feature) for feature in _features(part, links)]:
            yield separator + b",".join(found)
            separator = b","
        yield SEND
    yield b"]}"


def as_csv(parts: Parts, links: Links) -> Iterator[bytes]:
    """Yield a table with a header. No cell is a formula. Of a case that is gone, only that is told.

    The last column says whether it is.
    """
    header = [*_row(CaseDocument(case_id=""), links), "gone"]
    yield _lines([header])
    yield SEND
    for part in parts:
        rows = [[*_row(case, links).values(), ""] for case in part.cases]
        empty = [""] * (len(header) - 2)
        yield _lines([*rows, *([case_id, *empty, "true"] for case_id in part.gone or ())])
        yield SEND


def _features(part: ExportPart, links: Links) -> Iterator[dict[str, Any]]:
    yield from (_feature(case, case.location, links) for case in part.cases if case.location)
    if part.gone is not None:
        without_place = (case.case_id for case in part.cases if not case.location)
        yield from map(_gone, (*part.gone, *without_place))


def _gone(case_id: str) -> dict[str, Any]:
    return {"type": "Feature", "id": case_id, "geometry": None, "properties": {"gone": True}}


def _feature(case: CaseDocument, place: Location, links: Links) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": case.case_id,
        "geometry": {"type": "Point", "coordinates": [place.lon, place.lat]},
        "properties": {
            "title": case.title,
            "category": case.category,
            "tags": case.tags,
            "occurred_on": case.occurred_on,
            "published_at": case.published_at,
            "place": place.name,
            "precision": place.precision,
            "supports": case.supports,
            "url": links.page(case),
        },
    }


def _row(case: CaseDocument, links: Links) -> dict[str, Any]:
    """Return the cells of a case by the names of their columns."""
    place = case.location
    return {
        "case_id": case.case_id,
        "title": case.title,
        "category": case.category.value,
        "occurred_on": case.occurred_on,
        "lat": place and place.lat,
        "lon": place and place.lon,
        "precision": place and place.precision.value,
        "place": place and place.name,
        "tags": ";".join(case.tags),
        "author": case.author and case.author.pseudonym,
        "evidence": len(case.evidence),
        "supports": case.supports,
        "followers": case.followers,
        "shares": case.shares,
        "comments": case.comments,
        "reported_at": case.reported_at and case.reported_at.isoformat(),
        "published_at": case.published_at and case.published_at.isoformat(),
        "updated_at": case.updated_at and case.updated_at.isoformat(),
        "url": links.page(case),
        "story": case.story,
    }


def _lines(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _harmless(cell: Any) -> Any:
    """Return the cell; an apostrophe makes a text out of each formula. Numbers stay as they are."""
    if not isinstance(cell, str):
        return cell
    text = FORMULA.sub(r"\g<0>'", cell) if SIGN.search(cell) else cell
    return f"'{text}" if text.startswith(SEPARATORS) else text
