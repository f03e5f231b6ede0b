"""Choose the search index by its URL. Only the chosen one is imported, with its client."""

from importlib import import_module
from pathlib import Path
from typing import Any

from adapters.tls import Tls
from application.ports.search_index import SearchIndex
from config.buses import scheme_of

SERVERS = {
    "redis": "redis.RedisSearchIndex",
    "rediss": "redis.RedisSearchIndex",
    "http": "opensearch.OpenSearchIndex",
    "https": "opensearch.OpenSearchIndex",
}
"""The module and class of each search index on a server, by the scheme of its URL."""
FOLDER = "file"
EMBEDDED = "tantivy.TantivySearchIndex"


def open_search(url: str, prefix: str, folder: Path | None, key: bytes, tls: Tls) -> SearchIndex:
    """Return the index on the server at this URL, or else in the folder, or else in memory.

    All names on a server begin with the prefix. The documents in a folder are sealed with the key.
    """
    place = SERVERS.get(scheme_of(url))
    index: SearchIndex
    index = _class(place).from_url(url, prefix, tls) if place else _class(EMBEDDED)(folder, key)
    return index


def folder_of(url: str) -> Path | None:
    """Return the folder that a URL such as ``file:///folder`` names, or None for another URL."""
    path = url.removeprefix(f"{FOLDER}://")
    return Path(path) if path != url and path.startswith("/") else None


def _class(place: str) -> Any:
    module, name = place.split(".")
    return getattr(import_module(f"adapters.search_index.{module}"), name)
