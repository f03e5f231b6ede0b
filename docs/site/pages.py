"""What the site makes itself: pages from the contracts, the command line, links of the README."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment
from sphinx.application import Sphinx

from config.main import command
from entrypoints.http.event_page import told_of

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "docs/contracts"
TEMPLATES = Environment(
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701 - they make Markdown
)
METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
OF_THE_ROOT = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "../LICENSE",
}
"""Where files beside ``docs`` are, as seen from a page."""

ROUTES = """\
{% for tag, routes in tags.items() %}

## {{ tag }}

{{ about[tag] }}

| request | what it does | who |
|---|---|---|
{% for route in routes %}
| `{{ route.method }} {{ route.path }}` | {{ route.summary }} | {{ route.who }} |
{% endfor %}
{% endfor %}
"""
EVENTS = """\
{% macro fields(schema) %}
{% if schema.properties %}
| field | type | about |
|---|---|---|
{% for name, field in schema.properties.items() %}
| `{{ name }}`{{ "" if name in schema.required else " (optional)" }} | {{ kind(field) }} \
| {{ line(field.description or "") }} |
{% endfor %}
{% elif schema.enum %}
One of: {{ schema.enum | join(", ") }}.
{% else %}
It has no fields.
{% endif %}
{% endmacro %}
{% for log, events in logs.items() %}

## {{ log }}

{{ "At `%s`." % channels[log].address if channels[log] else "In every log." }}
{% for type, data in events.items() %}

### `{{ type }}`

{{ text(data.description or "") }}

{{ fields(data) }}
{% endfor %}
{% endfor %}

## Around each event

{{ fields(envelope) }}

## Parts of events

{% for name, part in parts.items() %}

### `{{ name }}`

{{ text(part.description or "") }}

{{ fields(part) }}
{% endfor %}
"""

klarity = command()


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", make)
    app.connect("include-read", relocate)


def make(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put what is made into the pages that have its mark."""
    for mark, made in MADE.items():
        if mark in source[0]:
            source[0] = source[0].replace(mark, made())


def relocate(_app: Sphinx, _path: Path, _page: str, source: list[str]) -> None:
    """Let links in a file beside ``docs`` lead to the pages of the site."""
    text = re.sub(r'(\]\(|src=")docs/', r"\1", source[0])
    source[0] = re.sub(r"\]\((CONTRIBUTING.md|CHANGELOG.md|LICENSE)", _relocated, text)


def _relocated(link: re.Match[str]) -> str:
    return f"]({OF_THE_ROOT[link[1]]}"


def _routes() -> str:
    document = json.loads((CONTRACTS / "openapi.json").read_text())
    tags = defaultdict[str, list[Any]](list)
    for route in _all_routes(document):
        tags[route["tag"]].append(route)
    about = {tag["name"]: tag["description"] for tag in document["tags"]}
    return TEMPLATES.from_string(ROUTES).render(tags=tags, about=about)


def _all_routes(document: Any) -> Iterator[dict[str, str]]:
    for path, operations in document["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                yield {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation["summary"],
                    "tag": operation["tags"][0],
                    "who": "members" if operation.get("security") else "everybody",
                }


def _events() -> str:
    document = json.loads((CONTRACTS / "asyncapi.json").read_text())
    return TEMPLATES.from_string(EVENTS).render(**told_of(document), line=_line, text=_text)


def _text(text: str) -> str:
    """Return the text of a docstring as Markdown."""
    return text.replace("``", "`")


def _line(text: str) -> str:
    """Return the text as that of a cell of a table."""
    return _text(text).replace("\n", " ").replace("|", "\\|")


MADE: dict[str, Callable[[], str]] = {
    "<!-- made: the routes -->": _routes,
    "<!-- made: the events -->": _events,
}
