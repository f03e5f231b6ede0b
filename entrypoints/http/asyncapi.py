"""Describe the bus in AsyncAPI 3: a channel for each log, whose messages are batches of events."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from flask import Blueprint, Response

from domain.catalog import COMMANDS

SHARED = "#/components/schemas/{name}"
"""Where the document has the schemas that others refer to."""
MAC = "klarity-mac"
CONTENT_TYPE = "application/cloudevents-batch+json"
ABOUT = """\
Each command service publishes its log on a channel: in order, each event at least once. A message
is a CloudEvents 1.0 batch of consecutive events of the log.

Personal fields are encrypted in `sealed`, whose description names them. Nobody without the keys of
the instance can read them, and nobody at all once the person was erased. New types of events and
new optional fields can appear at any time: ignore those that you do not know.

An event keeps the version that it was stored with. The schemas of all versions are files in
`docs/contracts/events` of the source."""
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
HOST = {"host": {"description": "The address of the broker: ask the operator of the instance."}}
SERVERS = {
    "rabbitmq": {
        "host": "{host}",
        "protocol": "amqps",
        "variables": HOST,
        "description": (
            "The address of a channel is a durable fanout exchange. Bind a queue of your own to it."
        ),
    },
    "redis": {
        "host": "{host}",
        "protocol": "rediss",
        "variables": HOST,
        "description": (
            "The address of a channel is a stream. Each entry has the fields `body`, which is the "
            "payload, and `klarity-mac`. Read it in a consumer group of your own."
        ),
    },
    "pubsub": {
        "host": "pubsub.googleapis.com",
        "protocol": "googlepubsub",
        "description": (
            "The address of a channel is a topic. Add a subscription of your own. The headers are "
            "attributes. Messages may arrive in another order: `sequence` tells the right one."
        ),
    },
}
PREFIX = {
    "description": "What begins all names of the instance on its broker (KLARITY_BUS_PREFIX).",
    "default": "klarity",
}


def asyncapi_blueprint(make: Callable[[], Mapping[str, Any]]) -> Blueprint:
    """Serve ``GET /asyncapi.json``, which the first request makes."""
    blp = Blueprint("asyncapi", __name__)

    @cache
    def document() -> bytes:
        return msgspec.json.encode(make())

    @blp.get("/asyncapi.json")
    def asyncapi() -> Response:
        return Response(document(), content_type="application/json")

    return blp


def asyncapi_document(
    version: str, events: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the document of all logs.

    ``events`` holds the schema of each CloudEvent by its type and the stored name of the event.
    ``shared`` holds the schemas that they refer to, at SHARED.
    """
    logs = sorted({name.partition(".")[0] for name in events} - {COMMANDS})
    return {
        "asyncapi": "3.0.0",
        "info": _info(version),
        "defaultContentType": CONTENT_TYPE,
        "servers": SERVERS,
        "channels": {log: _channel(log) for log in logs},
        "operations": {f"publish-{log}": _operation(log) for log in logs},
        "components": {
            "messages": {log: _batch(log, events) for log in logs},
            "schemas": {**events, **shared},
        },
    }


def _info(version: str) -> dict[str, Any]:
    return {
        "title": "Klarity events",
        "version": version,
        "description": ABOUT,
        "license": {"name": "MIT"},
    }


def _channel(log: str) -> dict[str, Any]:
    return {
        "address": f"{{prefix}}.{log}",
        "description": f"The log of {log}.",
        "parameters": {"prefix": PREFIX},
        "messages": {"batch": {"$ref": f"#/components/messages/{log}"}},
    }


def _operation(log: str) -> dict[str, Any]:
    return {
        "action": "send",
        "summary": f"Publish the log of {log}",
        "channel": {"$ref": f"#/channels/{log}"},
        "messages": [{"$ref": f"#/channels/{log}/messages/batch"}],
    }


def _batch(log: str, events: Mapping[str, Any]) -> dict[str, Any]:
    own = [name for name in events if name.startswith((f"{log}.", f"{COMMANDS}."))]
    return {
        "name": f"{log}-batch",
        "title": f"Events of {log}",
        "contentType": CONTENT_TYPE,
        "headers": HEADERS,
        "payload": {
            "type": "array",
            "minItems": 1,
            "items": {"oneOf": [{"$ref": SHARED.format(name=name)} for name in own]},
        },
    }
