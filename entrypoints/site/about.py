"""The rules, and what Klarity keeps."""

from flask import Blueprint, Response

from entrypoints.site.pages import page
from entrypoints.site.visit import visit


def about_pages() -> Blueprint:
    blp = Blueprint("about", __name__)

    @blp.get("/rules")
    def rules_page() -> Response:
        return page("about/rules.html", rules=visit.rules)

    @blp.get("/about")
    def about() -> Response:
        return page("about/about.html")

    return blp
