"""An nginx configuration that joins services, each in a process of its own, to one address."""

from collections.abc import Mapping

# Which requests a service answers: a regular expression over "<method> <path>", first match wins.
ROUTES = (
    ("command:members", r"^(POST|PUT|PATCH|DELETE) /v1/(members|sessions)"),
    ("command:members", r"^[A-Z]+ /v1/me(/|$)"),
    ("command:evidence", r"^[A-Z]+ /v1/uploads"),
    ("command:cases", r"^(POST|PUT|PATCH|DELETE) /v1/cases"),
)
FALLBACK = "command:members"


def nginx_configuration(addresses: Mapping[str, str]) -> str:
    """The configuration, given the address (``host:port``) of each service by its id."""
    routes = [(service, pattern) for service, pattern in ROUTES if service in addresses]
    routes += [
        (service, f"^[A-Z]+ /v1/{service.partition(':')[2]}(/|$)")
        for service in addresses
        if service.startswith("query:")
    ]
    routes += [
        (service, f"^[A-Z]+ /events/{service.partition(':')[2]}(/|$)")
        for service in addresses
        if service.startswith("command:")
    ]
    lines = [f'    "~{pattern}" {addresses[service]};' for service, pattern in routes]
    return _TEMPLATE.format(routes="\n".join(lines), fallback=addresses[FALLBACK])


# No access log: nginx would write addresses into it.
_TEMPLATE = """\
map "$request_method $uri" $klarity {{
    default {fallback};
{routes}
}}

server {{
    listen 127.0.0.1:8000;
    access_log off;
    client_max_body_size 0;
    location / {{
        proxy_pass http://$klarity;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header Connection "";
    }}
}}
"""
