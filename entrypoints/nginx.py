"""An nginx configuration that joins services, each in a process of its own, to one address."""

import re
from collections.abc import Mapping

from application.discovery import query_services

# Which requests a service answers beside its questions: a pattern for "<method> <path>".
ROUTES = (
    ("query:cases", r"^[A-Z]+ (/share/|/oembed$|/v1/feeds/|/v1/cases\.(geojson|csv)$)"),
    ("command:members", r"^[A-Z]+ /v1/(members|sessions|me)(/|$)"),
    ("command:evidence", r"^[A-Z]+ /v1/uploads(/|$)"),
    ("command:discussions", r"^[A-Z]+ /v1/cases/[^/]+/(comments|discussion)(/|$)"),
    ("command:discussions", r"^[A-Z]+ /v1/comments(/|$)"),
    ("command:moderation", r"^[A-Z]+ /v1/(flags|rules|moderation)(/|$)"),
    ("command:cases", r"^[A-Z]+ (/v1/cases|/dispute)(/|$)"),
    ("query:cases", r"^(GET|HEAD) /v1/updates$"),
)
FALLBACK = "command:members"


def nginx_configuration(addresses: Mapping[str, str]) -> str:
    """The configuration, given the address (``host:port``) of each service by its id.

    The first match wins: questions, those of the longest path first, then the rest.
    """
    routes = [
        *((f"query:{name}", pattern) for name, pattern in _questions()),
        *ROUTES,
        *(
            (service, f"^[A-Z]+ /events/{service.partition(':')[2]}(/|$)")
            for service in addresses
            if service.startswith("command:")
        ),
    ]
    lines = [
        f'    "~{pattern}" {addresses[service]};'
        for service, pattern in routes
        if service in addresses
    ]
    return _TEMPLATE.format(routes="\n".join(lines), fallback=addresses[FALLBACK])


def _questions() -> list[tuple[str, str]]:
    """Of each query service, a pattern for each of its paths."""
    places = {
        (re.sub("<[^>]+>", "[^/]+", path), service.name)
        for service in query_services()
        for path in (service.list_path(), service.single_path())
    }
    longest_first = sorted(places, key=lambda place: (-place[0].count("/"), place))
    return [(name, f"^(GET|HEAD) /v1{path}(/|$)") for path, name in longest_first]


# No logs: nginx would write addresses into the access log and, whenever a service is away, into the
# error log, beside what was asked for, and the paths of disputes hold their tokens.
_TEMPLATE = """\
map "$request_method $uri" $klarity {{
    default {fallback};
{routes}
}}

server {{
    listen 127.0.0.1:8000;
    access_log off;
    error_log /dev/null crit;
    client_max_body_size 0;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Connection "";
    location / {{
        proxy_pass http://$klarity;
    }}
    location = /v1/updates {{
        proxy_pass http://$klarity;
        proxy_buffering off;
    }}
}}
"""
