"""Render pages for people: without scripts, and without assets from elsewhere."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Response, render_template

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "style.css").read_text()
_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()


def page(template: str, status: int = 200, *, forms: str = "'none'", **shown: Any) -> Response:
    """Return a page from a template. ``forms`` is the Content-Security-Policy's form-action.

    The policy forbids scripts and frames, and allows the inline style by its hash.
    """
    reply = Response(
        render_template(template, style=STYLE, **shown),
        status,
        content_type="text/html; charset=utf-8",
    )
    reply.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self'; media-src 'self'; "
        f"base-uri 'none'; form-action {forms}; frame-ancestors 'none'"
    )
    reply.headers["Referrer-Policy"] = "no-referrer"
    reply.headers["X-Frame-Options"] = "DENY"
    return reply
