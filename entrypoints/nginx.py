"""Write an nginx configuration that serves services in several processes at one address."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from application.system import SITE, query_services
from entrypoints.http.problems import problem, problem_response
from entrypoints.http.requests import LARGEST_BODY

FALLBACK = "command:members"
"""It serves what no other service does, where no site is served."""

# Patterns for "<method> <path>". These requests are not for the query service of the path.
EXCEPTIONS = (
    ("command:evidence", r"^[A-Z]+ /v1/evidence/[^/]+/opening$"),
    ("command:cases", r"^[A-Z]+ /v1/cases/[^/]+/delay$"),
)
# Requests that a service answers besides queries.
ROUTES = (
    ("query:cases", r"^[A-Z]+ (/oembed$|/v1/feeds/|/v1/cases\.(geojson|csv)$)"),
    ("command:members", r"^[A-Z]+ /v1/(members|sessions|me)(/|$)"),
    ("command:evidence", r"^[A-Z]+ /v1/uploads(/|$)"),
    ("command:discussions", r"^[A-Z]+ /v1/cases/[^/]+/(comments|discussion)(/|$)"),
    ("command:discussions", r"^[A-Z]+ /v1/comments(/|$)"),
    ("command:moderation", r"^[A-Z]+ /v1/(flags|rules|moderation)(/|$)"),
    ("command:cases", r"^[A-Z]+ /v1/(cases|disputes)(/|$)"),
    ("query:cases", r"^(GET|HEAD) /v1/updates$"),
    (FALLBACK, r"^[A-Z]+ (/v1/|/docs(/|$)|/openapi\.json$|/asyncapi\.json$|/problems/)"),
)
OUTER = "127.0.0.1:8000"
"""Where nginx serves everything to people."""
INNER = "127.0.0.1:8001"
"""Where nginx serves the API to the site, which tells for whom it asks."""
# nginx writes a body that fills the buffer to disk, and chunked encoding adds bytes.
BODY_BUFFER = LARGEST_BODY + LARGEST_BODY // 8
CONNECTIONS = 64
"""How many requests one client can have open at a time. Many people may share an address."""
STREAMS = 500
"""How many streams of updates it can have open besides. Each page that listens has one."""


def nginx_main(folder: Path, servers: str) -> str:
    """Return a whole configuration, for an nginx in the foreground that writes to ``folder``."""
    return _MAIN.format(folder=folder, servers=servers)


def trusting(networks: Iterable[str]) -> str:
    """Return the lines that make nginx believe the proxies in these networks."""
    return "".join(f"    set_real_ip_from {network};\n" for network in networks)


def nginx_configuration(
    addresses: Mapping[str, str],
    *,
    outer: str = OUTER,
    inner: str = INNER,
    resolver: str = "",
    trusted: str = "",
) -> str:
    """Return the configuration. ``addresses`` maps a service's id to its ``host:port``.

    It serves people at ``outer``, and the site at ``inner``. ``resolver`` is the address of a name
    server, if the addresses are names that may come to mean other machines. ``trusted`` are lines
    as of ``trusting``, for proxies between people and nginx.

    The first match wins: EXCEPTIONS, then queries, longest path first, then ROUTES.
    """
    named = sorted(set(filter(_is_named, addresses.values()))) if not resolver else []
    addresses = {
        service: _upstream(address) if address in named else address
        for service, address in addresses.items()
    }
    questions = [(f"query:{name}", pattern) for name, pattern in _questions()]
    routes = [*EXCEPTIONS, *questions, *ROUTES]
    lines = [
        f'    "~{pattern}" {addresses[service]};'
        for service, pattern in routes
        if service in addresses
    ]
    return _TEMPLATE.format(
        routes="\n".join(lines),
        fallback=addresses.get(SITE, addresses[FALLBACK]),
        outer=outer,
        inner=inner,
        resolver=f"resolver {resolver} valid=10s;\n\n" if resolver else "",
        upstreams="".join(f"upstream {_upstream(at)} {{ server {at}; }}\n" for at in named),
        connections=CONNECTIONS,
        streams=STREAMS,
        trusted=trusted,
        largest_body=LARGEST_BODY,
        body_buffer=BODY_BUFFER,
        too_large=_problem("too-large"),
        too_many_requests=_problem("too-many-requests"),
    )


def _upstream(address: str) -> str:
    """Return the name of the group of servers that stands for an address with a host's name."""
    return address.replace(":", "-")


def _is_named(address: str) -> bool:
    return bool(address.partition(":")[0].strip("0123456789."))


def _problem(code: str) -> str:
    """Return the body of the problem, as the API sends it."""
    return problem_response(problem(code)).get_data(as_text=True)


def _questions() -> list[tuple[str, str]]:
    """Return a pattern for each path of each query service, longest first."""
    places = {
        (re.sub("<[^>]+>", "[^/]+", path), service.name)
        for service in query_services()
        for path in (service.list_path(), service.single_path())
    }
    longest_first = sorted(places, key=lambda place: (-place[0].count("/"), place))
    return [(name, f"^(GET|HEAD) /v1{path}(/|$)") for path, name in longest_first]


# Logs are off: the access log and, when a service is unavailable, the error log would contain
# addresses and paths, and the path of a dispute link contains its token. Nothing else is written to
# disk: bodies and replies stay in memory, and uploads are passed on as they arrive. A browser gives
# up a stream of updates after any status but 200, so it gets an empty stream instead of an error.
_TEMPLATE = """\
{resolver}{upstreams}map "$request_method $uri" $klarity {{
    default {fallback};
{routes}
}}

# For the site only (KLARITY_API_URL): it passes on for whom it asks.
server {{
    listen {inner};
    access_log off;
    error_log /dev/null crit;
    client_max_body_size {body_buffer};
    client_body_buffer_size {body_buffer};
    proxy_http_version 1.1;
    proxy_buffers 32 16k;
    proxy_max_temp_file_size 0;
    proxy_set_header X-Forwarded-For $http_x_forwarded_for;
    proxy_set_header Connection "";

    location / {{
        proxy_pass http://$klarity;
    }}
    location /v1/uploads {{
        proxy_pass http://$klarity;
        client_max_body_size 0;
        client_body_buffer_size 16k;
        proxy_request_buffering off;
    }}
}}

# When a client tries again that got no stream.
split_clients $request_id $klarity_retry {{
    25% 15000;
    25% 25000;
    25% 35000;
    *   45000;
}}

# A client can use all addresses of its IPv6 network, so these count as one.
map $remote_addr $klarity_client {{
    default $binary_remote_addr;
    "~^(?<klarity_network>[0-9a-f]+(:[0-9a-f]+){{3}}):" $klarity_network;
    "~^(?<klarity_prefix>[0-9a-f]+(:[0-9a-f]+){{0,2}})::" $klarity_prefix;
}}

# Each stream of updates takes two of the worker_connections: set at least 4096 in nginx.conf.
limit_conn_zone $klarity_client zone=klarity:10m;
limit_conn_zone $klarity_client zone=klarity_streams:10m;

server {{
    listen {outer};
    access_log off;
    error_log /dev/null crit;

    # The address of a client is what the nearest proxy says that is not trusted itself. Whoever is
    # not trusted is the client.
{trusted}    real_ip_header X-Forwarded-For;
    real_ip_recursive on;

    # Slow clients are disconnected, and each client has a limited number of open requests.
    client_header_timeout 15s;
    client_body_timeout 20s;
    send_timeout 60s;
    reset_timedout_connection on;
    limit_conn klarity {connections};
    limit_conn_status 429;
    error_page 429 = @too-many-requests;

    client_max_body_size {largest_body};
    client_body_buffer_size {body_buffer};
    error_page 413 = @too-large;

    proxy_http_version 1.1;
    proxy_buffers 32 16k;
    proxy_max_temp_file_size 0;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Connection "";

    location / {{
        proxy_pass http://$klarity;
    }}
    location ~ ^/(v1/uploads|report/) {{
        proxy_pass http://$klarity;
        client_max_body_size 0;
        client_body_buffer_size 16k;
        proxy_request_buffering off;
    }}
    location = /v1/updates {{
        proxy_pass http://$klarity;
        proxy_buffering off;
        limit_conn klarity_streams {streams};
        error_page 429 502 504 =200 @no-stream;
    }}
    location @no-stream {{
        internal;
        default_type text/event-stream;
        add_header Cache-Control no-store always;
        return 200 "retry: $klarity_retry\\n\\n";
    }}
    location @too-large {{
        internal;
        default_type application/problem+json;
        return 413 '{too_large}';
    }}
    location @too-many-requests {{
        internal;
        default_type application/problem+json;
        add_header Retry-After 5 always;
        return 429 '{too_many_requests}';
    }}
}}
"""

_MAIN = """\
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{
    worker_connections 4096;
}}
http {{
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;

{servers}
}}
"""
