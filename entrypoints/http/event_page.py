"""The events as a page for people, made from the AsyncAPI document. It is whole without scripts."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from flask import Blueprint, Response, render_template_string

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ info.title }}</title>
<style>
:root { color-scheme: light dark }
body { max-width: 60rem; margin: auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #8888; padding: .25rem .5rem; text-align: start;
  vertical-align: top; overflow-wrap: anywhere }
h2 { margin-top: 3rem }
</style>
</head>
<body>
<h1>{{ info.title }} {{ info.version }}</h1>
{%- for paragraph in info.description.split("\\n\\n") %}
<p>{{ paragraph }}</p>
{%- endfor %}
<p>For programs: <a href="/asyncapi.json">AsyncAPI</a>. The API: <a href="/docs">OpenAPI</a>.</p>
{%- macro fields(schema) %}
{%- if schema.properties %}
<table>
<tr><th scope="col">field</th><th scope="col">type</th><th scope="col">about</th></tr>
{%- for name, field in schema.properties.items() %}
<tr><td><code>{{ name }}</code>{{ "" if name in schema.required else " (optional)" }}</td>
<td>{{ kind(field) }}</td><td>{{ field.description or "" }}</td></tr>
{%- endfor %}
</table>
{%- elif schema.enum %}
<p>One of: {{ schema.enum | join(", ") }}.</p>
{%- else %}
<p>It has no fields.</p>
{%- endif %}
{%- endmacro %}
<nav aria-label="On this page"><ul>
{%- for log in logs %}
<li><a href="#{{ log }}">{{ log }}</a>: {{ logs[log] | length }} events</li>
{%- endfor %}
<li><a href="#envelope">Around each event</a></li>
<li><a href="#parts">Parts of events</a></li>
</ul></nav>
{%- for log, events in logs.items() %}
<h2 id="{{ log }}">{{ log }}</h2>
{%- if channels[log] %}
<p>At <code>{{ channels[log].address }}</code>.</p>
{%- else %}
<p>In every log.</p>
{%- endif %}
{%- for type, data in events.items() %}
<h3 id="{{ type }}"><code>{{ type }}</code></h3>
{%- if data.description %}
<p>{{ data.description }}</p>
{%- endif %}
{{ fields(data) }}
{%- endfor %}
{%- endfor %}
<h2 id="envelope">Around each event</h2>
{{ fields(envelope) }}
<h2 id="parts">Parts of events</h2>
{%- for name, part in parts.items() %}
<h3 id="{{ name }}"><code>{{ name }}</code></h3>
{%- if part.description %}
<p>{{ part.description }}</p>
{%- endif %}
{{ fields(part) }}
{%- endfor %}
</body>
</html>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
Schema = Mapping[str, Any]


def event_page_blueprint(asyncapi: Callable[[], Schema]) -> Blueprint:
    """Serve ``GET /docs/events``, which the first request makes."""
    blp = Blueprint("event-page", __name__)

    @cache
    def page() -> str:
        return render_template_string(PAGE, **told_of(asyncapi()))

    @blp.get("/docs/events")
    def events() -> Response:
        reply = Response(page(), content_type="text/html; charset=utf-8")
        reply.headers["Content-Security-Policy"] = POLICY
        return reply

    return blp


def told_of(document: Schema) -> dict[str, Any]:
    """Return what a page shows of the document."""
    schemas = document["components"]["schemas"]
    events = {name: schema["properties"] for name, schema in schemas.items() if "." in name}
    data = {_name(event["data"]) for event in events.values()}
    logs = defaultdict[str, dict[str, Schema]](dict)
    for name, event in events.items():
        logs[name.partition(".")[0]][event["type"]["const"]] = schemas[_name(event["data"])]
    return {
        "info": document["info"],
        "channels": document["channels"],
        "logs": logs,
        "envelope": schemas[min(events)],
        "parts": {name: schemas[name] for name in sorted(schemas.keys() - events.keys() - data)},
        "kind": kind_of,
    }


def _name(reference: Schema) -> str:
    return str(reference["$ref"].rpartition("/")[2])


def kind_of(schema: Schema) -> str:
    """Return the type of a field in words."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(map(kind_of, schema["anyOf"]))
    if "const" in schema:
        return f"always {schema['const']}"
    if "items" in schema:
        return f"list of {kind_of(schema['items'])}"
    return str(schema.get("format") or schema.get("type", "anything"))
