"""The home page."""

from flask import Blueprint, Response

from entrypoints.site.pages import page
from entrypoints.site.visit import visit

CARDS = 6


def home_pages() -> Blueprint:
    blp = Blueprint("home", __name__)

    @blp.get("/")
    def home() -> Response:
        newest = visit.get("/cases", limit=CARDS)["items"]
        popular = visit.get("/popular-cases", limit=CARDS)["items"]
        return page("home.html", newest=newest, popular=popular)

    return blp
