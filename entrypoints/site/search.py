"""The search: a form whose address is the query, with results as a list or on a map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site.api import Answer
from entrypoints.site.cards import cases_by_id, with_excerpts
from entrypoints.site.language import _
from entrypoints.site.map import CasesMap, all_cases_map, cases_map
from entrypoints.site.pages import page
from entrypoints.site.paging import next_page
from entrypoints.site.visit import Refused, visit
from entrypoints.site.words import CATEGORIES, SEARCH_WORDS

FIELDS = ("q", "sort", "category", "tag", "party", "since", "until", "bbox", "near", "within_km")
NEEDS = {"within_km": "near", "sort": "q"}
"""Fields that mean nothing without another one."""
ORDERS = {"relevance": _("Best first"), "newest": _("Newest first")}
LISTED, MAPPED = 20, 100
MALFORMED, INVALID = 400, 422
FIELD_OF = {"created_after": "since", "created_before": "until"}
"""The field of the form whose filter has another name in the API."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for: the fields of the form that are filled in."""

    fields: Mapping[str, str]

    @classmethod
    def read(cls, sent: "MultiDict[str, str]") -> "Search":
        found = {name: value for name in FIELDS if (value := sent.get(name, "").strip())}
        for name, needed in NEEDS.items():
            if needed not in found:
                found.pop(name, None)
        return cls(found)

    @property
    def filters(self) -> dict[str, str]:
        """The filters of the API. "until" includes its day; times are in UTC."""
        filters = {name: value for name, value in self.fields.items() if name != "sort"}
        if since := filters.pop("since", ""):
            filters["created_after"] = f"{since}T00:00:00Z"
        if until := filters.pop("until", ""):
            filters["created_before"] = f"{_day_after(until)}T00:00:00Z"
        return filters

    @property
    def is_of_places(self) -> bool:
        """Return whether clusters of the API can tell all cases that it finds."""
        return self.fields.keys() <= {"bbox", "category"}

    def url(self, path: str = "/cases", **changes: str | None) -> str:
        """Return the address of this search after changes. An empty value removes a field."""
        return _address(path, {**self.fields, **changes})

    def export_url(self, path: str) -> str:
        """Return the address of the same cases in another format."""
        return _address(path, self.filters)


def search_pages() -> Blueprint:
    blp = Blueprint("search", __name__)

    @blp.get("/cases")
    def cases() -> AnyResponse:
        search, view = Search.read(request.args), request.args.get("view", "list")
        limit, cursor = (MAPPED, "") if view == "map" else (LISTED, request.args.get("cursor", ""))
        is_searched = "q" in search.fields and view != "map"
        try:
            answer = (_searched if is_searched else _listed)(search, limit, cursor)
        except Refused as refused:
            return _refused(search, view, refused)
        return _found(search, view, answer)

    return blp


def search_url(**fields: str) -> str:
    """Return the address of a search."""
    return Search({}).url(**fields)


def _listed(search: Search, limit: int, cursor: str) -> Answer:
    return visit.fetch("/cases", **search.filters, limit=limit, cursor=cursor)


def _searched(search: Search, limit: int, cursor: str) -> Answer:
    """Return what was found, the best first. The last word may be unfinished."""
    sort = search.fields.get("sort", "")
    return visit.fetch(
        "/search", **search.filters, sort=sort, typing="true", limit=limit, cursor=cursor
    )


def _found(search: Search, view: str, answer: Answer) -> AnyResponse:
    cases, more, facets = answer.body["items"], next_page(answer), answer.body.get("facets")
    if facets:
        cases = with_excerpts(cases)
    shown = _map_of(search, cases, more) if view == "map" else None
    return _page(search, view, cases=cases, facets=facets, more=more, map=shown, errors={})


def _map_of(search: Search, cases: Sequence[Mapping[str, Any]], more: str) -> CasesMap:
    """Return a map of the cases of the list; of all cases, if there are more and it can be told."""
    bbox = search.fields.get("bbox", "")
    if not more or not search.is_of_places:
        return cases_map(cases, bbox)
    return all_cases_map(partial(_cells, search.fields.get("category", "")), bbox)


def _cells(category: str, bbox: str, zoom: int) -> list[dict[str, Any]]:
    """Return the cells of the map, with the cases of a category or of all."""
    found = visit.get("/cases/clusters", bbox=bbox, zoom=zoom)["items"]
    parts = [
        {**part, "bbox": cell["bbox"]}
        for cell in found
        for part in (cell["categories"] if category else [cell])
        if not category or part["category"] == category
    ]
    ids = [part["case_id"] for part in parts if part["case_id"]][:MAPPED]
    known = cases_by_id(ids)
    return [{**part, "case": known.get(part["case_id"])} for part in parts]


def _refused(search: Search, view: str, refused: Refused) -> AnyResponse:
    """Show the form again, with words at the fields that were refused."""
    if refused.status == MALFORMED:  # the cursor is an old one
        return redirect(search.url(view=view), 303)
    if refused.status != INVALID:
        raise refused
    wrong = [FIELD_OF.get(name, name) for name in refused.errors]
    errors = {name: SEARCH_WORDS[name] for name in wrong}
    return _page(search, view, INVALID, cases=[], facets=None, more="", map=None, errors=errors)


def _page(search: Search, view: str, status: int = 200, **shown: Any) -> AnyResponse:
    return page(
        "search/search.html",
        status,
        search=search,
        view=view,
        categories=CATEGORIES,
        orders=ORDERS,
        **shown,
    )


def _address(path: str, fields: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in fields.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def _day_after(text: str) -> str:
    """Return the next day, or the text itself if it is none: the API refuses it."""
    try:
        return (date.fromisoformat(text) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return text
