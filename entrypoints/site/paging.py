"""Find the addresses of the pages of a list."""

from urllib.parse import parse_qs, urlencode, urlsplit

from flask import request
from werkzeug.http import parse_options_header

from entrypoints.site.api import Answer


def next_page(answer: Answer) -> str:
    """Return the address of the visitor's page that shows what follows the answer, or ""."""
    link, _ = parse_options_header(answer.headers.get("Link"))
    cursor = parse_qs(urlsplit(link.strip("<>")).query).get("cursor")
    if not cursor:
        return ""
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': cursor[0]})}"
