"""Describe the bus in AsyncAPI 3: one channel for each log, one message for each event."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import msgspec
from flask import Blueprint, Response, jsonify

from domain.catalog import COMMANDS, EventCatalog

MAC = "klarity-mac"
CONTENT_TYPE = "application/cloudevents-batch+json"
SEALED = (
    "Personal fields are encrypted in `sealed`. They are empty for a reader without the key, and "
    "once the person was erased."
)

HEADERS = {
    "type": "object",
    "required": [MAC],
    "properties": {
        MAC: {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": (
                "HMAC-SHA256 of the topic, a zero byte and the whole batch, under a key of the "
                "instance. Subscribers of the instance drop a batch with a wrong one; a foreign "
                "subscriber can ignore it."
            ),
        }
    },
}


def asyncapi_blueprint(catalog: EventCatalog) -> Blueprint:
    """Serve ``GET /asyncapi.json``, which the first request makes."""
    blp = Blueprint("asyncapi", __name__)
    document = cache(partial(asyncapi_document, catalog))

    @blp.get("/asyncapi.json")
    def asyncapi() -> Response:
        return jsonify(document())

    return blp


def asyncapi_document(catalog: EventCatalog) -> dict[str, Any]:
    """Return the AsyncAPI document that describes every topic."""
    kinds = list(catalog.types.values())
    schemas, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    messages = {
        name: _message(name, catalog.version(name), schema)
        for name, schema in zip(catalog.types, schemas, strict=True)
    }
    logs = sorted({name.partition(".")[0] for name in catalog.types} - {COMMANDS})
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Klarity events", "version": "1", "description": SEALED},
        "defaultContentType": CONTENT_TYPE,
        "channels": {log: _channel(log, messages) for log in logs},
        "operations": {
            f"publish-{log}": {"action": "send", "channel": {"$ref": f"#/channels/{log}"}}
            for log in logs
        },
        "components": {"messages": messages, "schemas": components},
    }


def _channel(log: str, messages: Mapping[str, Any]) -> dict[str, Any]:
    own = [name for name in messages if name.startswith((f"{log}.", f"{COMMANDS}."))]
    return {
        "address": log,
        "description": "CloudEvents 1.0 in JSON batches, in the order of the log.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in own},
    }


def _message(name: str, version: int, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": f"org.klarity.{name}.v{version}",
        "contentType": "application/cloudevents+json",
        "headers": HEADERS,
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "source", "type", "subject", "time", "sequence"],
            "properties": {
                "specversion": {"const": "1.0"},
                "id": {"type": "string"},
                "source": {"type": "string"},
                "type": {"const": f"org.klarity.{name}.v{version}"},
                "subject": {"type": "string", "description": "The stream"},
                "time": {"type": "string", "format": "date-time"},
                "sequence": {"type": "string", "description": "The position in the log"},
                "streamversion": {"type": "integer"},
                "correlationid": {"type": "string"},
                "causationid": {"type": "string"},
                "traceparent": {"type": "string"},
                "data": dict(schema),
            },
        },
    }
