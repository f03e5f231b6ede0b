"""Klarity on a phone: what makes it installable, and what keeps it there without a network."""

from flask import Blueprint, Response, jsonify, render_template, request

from entrypoints.site.assets import assets
from entrypoints.site.language import LANGUAGES, language
from entrypoints.site.language import gettext as _
from entrypoints.site.pages import page

GREEN, PAPER = "#0b6e4f", "#fdfdfb"
ICON_SIZES = (192, 512)
SHELL = (
    "site.css",
    "icon.svg",
    "js/site.js",
    "js/leave.js",
    "js/worker.js",
    "js/api.js",
    "js/report/page.js",
    "js/report/store.js",
    "js/report/send.js",
    "js/report/place.js",
    "js/report/fetch_stack.js",
    "npm/idb.js",
    "npm/tus.js",
)
"""The files of the report page, which a phone keeps."""


def phone_pages() -> Blueprint:
    blp = Blueprint("phone", __name__)

    @blp.get("/service-worker.js")
    def worker() -> Response:
        chosen = request.args.get("language", "en").partition("-")[0]
        script = render_template(
            "phone/service-worker.js",
            version=assets().version,
            files=[url for name in SHELL if (url := assets().url(name))],
            language=chosen if chosen in LANGUAGES else "en",
            classic="classic" in request.args,
        )
        reply = Response(script, content_type="text/javascript; charset=utf-8")
        reply.headers["Cache-Control"] = "no-cache"
        return reply

    @blp.get("/manifest.webmanifest")
    def manifest() -> Response:
        reply = jsonify(
            name="Klarity",
            short_name="Klarity",
            description=_("What people saw, with evidence"),
            lang=language.code,
            dir=language.direction,
            start_url="/",
            scope="/",
            display="standalone",
            background_color=PAPER,
            theme_color=GREEN,
            icons=[_png(size) for size in ICON_SIZES],
            shortcuts=[{"name": _("Report"), "url": "/report"}],
        )
        reply.content_type = "application/manifest+json"
        reply.headers["Cache-Control"] = "no-cache"
        return reply

    @blp.get("/offline")
    def offline() -> Response:
        return page("phone/offline.html")

    return blp


def _png(size: int) -> dict[str, str]:
    return {
        "src": assets().url(f"icon-{size}.png"),
        "sizes": f"{size}x{size}",
        "type": "image/png",
        "purpose": "any maskable",
    }
