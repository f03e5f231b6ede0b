"""Render the pages: templates, headers and the words for numbers and times."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, render_template, request, send_from_directory
from markupsafe import Markup

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
LIVE_SECONDS = 10
ROUNDED_FROM = 10


def page(template: str, status: int = 200, **shown: Any) -> Response:
    """Return a page from a template. It is kept nowhere."""
    html = render_template(template, **shown)
    return Response(html, status, content_type="text/html; charset=utf-8")


def protect(reply: Response) -> Response:
    """Add the headers that keep what a page shows within it."""
    reply.headers["Content-Security-Policy"] = POLICY
    reply.headers["Referrer-Policy"] = "same-origin"
    reply.headers["X-Frame-Options"] = "DENY"
    reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    if request.endpoint != "static":
        reply.headers["Cache-Control"] = "no-store"
    return reply


def prepare_templates(app: Flask) -> None:
    """Give all templates what they share."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.filters.update(span=span, ago=ago, number=number, rate=rate, moment=moment, plural=plural)
    env.globals.update(
        asset=_asset_url(),
        live_seconds=LIVE_SECONDS,
        operator=lambda: g.get("operator"),
        is_live=lambda: request.args.get("live") != "off",
    )


def serve_assets(app: Flask) -> None:
    @app.get("/monitor/static/<version>/<name>", endpoint="static")
    def asset(version: str, name: str) -> Response:  # noqa: ARG001 - the version only changes the address
        reply = send_from_directory(HERE / "static", name)
        reply.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return reply


def span(seconds: float | None) -> str:
    """Return a duration in its two largest units: "3 h 12 min"."""
    if seconds is None:
        return "unknown"
    left, parts = int(seconds), list[str]()
    for size, unit in UNITS:
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])


def ago(at: datetime | str | None) -> Markup:
    """Return how long ago it was, with the full time in the element."""
    if not at:
        return Markup("unknown")
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    known = known if known.tzinfo else known.replace(tzinfo=UTC)
    short = span(max(0, (datetime.now(UTC) - known).total_seconds()))
    return Markup('<time datetime="{}" title="{}">{} ago</time>').format(
        known.isoformat(), moment(known), short
    )


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def number(value: float | None) -> str:
    """Return the number with groups of three digits. What is not known is never a 0."""
    return "unknown" if value is None else f"{value:,}"


def rate(value: float | None) -> str:
    """Return events a second."""
    if value is None:
        return "unknown"
    return f"{value:,.0f}/s" if value >= ROUNDED_FROM or value == 0 else f"{value:.1f}/s"


def plural(count: int, one: str, many: str = "") -> str:
    """Return the count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _asset_url() -> Any:
    names: Sequence[Path] = sorted((HERE / "static").iterdir())
    version = blake2b(b"".join(each.read_bytes() for each in names), digest_size=8).hexdigest()
    return lambda name: f"/monitor/static/{version}/{name}"
