"""The home page."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response

from entrypoints.site.cards import cases_of, with_reasons
from entrypoints.site.pages import page
from entrypoints.site.search import search_url
from entrypoints.site.visit import visit
from entrypoints.site.words import CATEGORIES

CARDS = 6
PLACES = 8
TAGS = 16

Case = Mapping[str, Any]


def home_pages() -> Blueprint:
    blp = Blueprint("home", __name__)

    @blp.get("/")
    def home() -> Response:
        newest = visit.get("/cases", limit=CARDS)["items"]
        popular = popular_cases(CARDS)
        shown = [*newest, *popular]
        return page(
            "home/home.html",
            newest=newest,
            popular=popular,
            recommended=recommended_cases(CARDS),
            categories=CATEGORIES,
            places=places_of(shown),
            tags=tags_of(shown),
            search_url=search_url,
        )

    return blp


def popular_cases(most: int) -> list[dict[str, Any]]:
    """Return popular cases in their order, as the list of cases shows them."""
    return cases_of(visit.get("/popular-cases", limit=most)["items"])


def recommended_cases(most: int) -> list[dict[str, Any]]:
    """Return cases for the member who is signed in, if any, with the reasons."""
    if not visit.person:
        return []
    return with_reasons(visit.get("/me/recommended-cases", limit=most)["items"])


def places_of(cases: Iterable[Case]) -> list[dict[str, str]]:
    """Return the named places of cases, each with a point near it."""
    located = [case["location"] for case in cases if case["location"] and case["location"]["name"]]
    near = {place["name"]: f"{place['lat']},{place['lon']}" for place in located}
    return [{"name": name, "near": point} for name, point in list(near.items())[:PLACES]]


def tags_of(cases: Iterable[Case]) -> list[str]:
    """Return the tags of cases, in the order of the cases."""
    return list(dict.fromkeys(tag for case in cases for tag in case["tags"]))[:TAGS]
