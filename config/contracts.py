"""Make the contracts of the whole system: OpenAPI, AsyncAPI and the JSON Schema of each event."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from adapters.codec.schemas import event_schema, published_schemas
from application.system import services
from config.container import Container
from config.resources import Resources
from config.settings import Settings, read_settings
from config.use_cases import UseCases
from domain.catalog import EVENTS
from entrypoints.http.app import openapi_document
from entrypoints.http.asyncapi import SHARED, asyncapi_document

VERSION = version("klarity")
WHOLE: dict[str, Any] = {
    "services": tuple(services()),
    "event_store": "memory",
    "read_models": "memory",
    "media": "filesystem",
    "bus_url": "memory://",
    "history_urls": {},
    "secret": "of nothing, as nothing is stored",
}
"""The settings of a system that is only described."""


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document of the bus."""
    schemas = published_schemas(EVENTS, SHARED)
    return asyncapi_document(VERSION, schemas.events, schemas.shared)


def openapi(settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document of all services, whichever of them the settings choose.

    Their resources are made on stores of their own, which stay empty.
    """
    container = Container(settings=replace(settings, **WHOLE))
    resources = Resources(container, UseCases(container), dict)
    return openapi_document(resources.blueprints())


def contracts() -> Iterator[tuple[str, Any]]:
    """Yield the path and the content of each file."""
    yield "openapi.json", openapi(read_settings())
    yield "asyncapi.json", asyncapi()
    for name in EVENTS.types:
        yield f"events/{name}.v{EVENTS.version(name)}.json", event_schema(EVENTS, name)


def written(document: Any) -> str:
    """Return the document as text that shows differences well."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def main() -> None:
    """Write the files to the folder that the command names. Older versions of events stay."""
    folder = Path(sys.argv[1])
    for path, document in contracts():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(written(document))


if __name__ == "__main__":
    main()
