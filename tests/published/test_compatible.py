"""What the last release promises of the API and of the bus is kept."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.published.compatible import asyncapi_problems, openapi_problems

FILES = Path(__file__).parents[2] / "docs/contracts"
LAST = max(
    (FILES / "released").iterdir(), key=lambda path: [int(part) for part in path.name.split(".")]
)
Change = Callable[[Any], object]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_clients_of_the_last_release_work_with_this_one() -> None:
    problems = openapi_problems(read(LAST / "openapi.json"), read(FILES / "openapi.json"))
    assert not problems, "keep what clients use, and add the new beside it: see ADR 62"


def test_subscribers_of_the_last_release_work_with_this_one() -> None:
    problems = asyncapi_problems(read(LAST / "asyncapi.json"), read(FILES / "asyncapi.json"))
    assert not problems, "make a new version of the event, with an upcaster: see ADR 62"


API: Any = {
    "paths": {
        "/cases": {
            "parameters": [{"in": "header", "name": "Trace", "schema": {"type": "string"}}],
            "post": {
                "operationId": "report",
                "security": [],
                "parameters": [
                    {"in": "query", "name": "dry", "schema": {"type": "boolean"}},
                    {"in": "query", "name": "kind", "schema": {"enum": ["a", "b"]}},
                ],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}
                },
                "responses": {
                    "201": {
                        "headers": {"ETag": {}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Out"}}
                        },
                    },
                    "404": {"content": {}},
                },
            },
        }
    },
    "components": {
        "schemas": {
            "In": {
                "type": "object",
                "required": ["title"],
                "properties": {
                    "title": {"type": "string", "maxLength": 100, "pattern": "^x"},
                    "tags": {"type": "array", "items": {"type": ["string", "null"]}},
                    "lat": {"type": "number", "minimum": -90},
                },
            },
            "Out": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string"},
                    "size": {"type": ["integer", "null"]},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "status": {"enum": ["open"]},
                    "place": {"allOf": [{"$ref": "#/components/schemas/Place"}]},
                },
            },
            "Place": {"type": "object", "properties": {"lat": {"type": "number"}}},
        }
    },
}


def post(api: Any) -> Any:
    return api["paths"]["/cases"]["post"]


def fields(api: Any, name: str) -> Any:
    return api["components"]["schemas"][name]["properties"]


def parameter(**more: Any) -> dict[str, Any]:
    return {"in": "query", "name": "new", "schema": {"type": "string"}, **more}


BREAKING: dict[str, Change] = {
    "POST /cases: was removed": lambda api: api["paths"].clear(),
    "POST /cases: the operationId was report": lambda api: post(api).update(operationId="x"),
    "POST /cases: clients have to sign in now": lambda api: post(api).update(security=[{"b": []}]),
    "POST /cases new: is required now": lambda api: post(api)["parameters"].append(
        parameter(required=True)
    ),
    "POST /cases dry: is required now": lambda api: post(api)["parameters"][0].update(
        required=True
    ),
    "POST /cases dry: was removed": lambda api: post(api)["parameters"].pop(0),
    "POST /cases kind: the value b is refused": lambda api: post(api)["parameters"][1].update(
        schema={"enum": ["a"]}
    ),
    "POST /cases dry: the type boolean does not fit": lambda api: post(api)["parameters"][0].update(
        schema={"type": "string"}
    ),
    "POST /cases: a body is required now": lambda api: post(api)["requestBody"].update(
        required=True
    ),
    "POST /cases: application/json was removed": lambda api: post(api)["requestBody"].update(
        content={}
    ),
    "POST /cases.by: is required by one side, and may be missing": lambda api: api["components"][
        "schemas"
    ]["In"]["required"].append("by"),
    "POST /cases.lat: was removed": lambda api: fields(api, "In").pop("lat"),
    "POST /cases.title: maxLength is 50": lambda api: fields(api, "In")["title"].update(
        maxLength=50
    ),
    "POST /cases.title: minLength is 3": lambda api: fields(api, "In")["title"].update(minLength=3),
    "POST /cases.lat: minimum is 0": lambda api: fields(api, "In")["lat"].update(minimum=0),
    "POST /cases.lat: the type number does not fit": lambda api: fields(api, "In")["lat"].update(
        type="integer"
    ),
    "POST /cases.title: the pattern is ^y": lambda api: fields(api, "In")["title"].update(
        pattern="^y"
    ),
    "POST /cases.tags[]: the type null does not fit": lambda api: fields(api, "In")["tags"][
        "items"
    ].update(type="string"),
    "POST /cases 201: was removed": lambda api: post(api)["responses"].pop("201"),
    "POST /cases 201: the header ETag was removed": lambda api: post(api)["responses"][
        "201"
    ].update(headers={}),
    "POST /cases 201: application/json was removed": lambda api: post(api)["responses"][
        "201"
    ].update(content={"text/csv": {}}),
    "POST /cases 201.size: was removed": lambda api: fields(api, "Out").pop("size"),
    "POST /cases 201.id: is required by one side, and may be missing": lambda api: api[
        "components"
    ]["schemas"]["Out"].update(required=[]),
    "POST /cases 201.id: the type null does not fit": lambda api: fields(api, "Out")["id"].update(
        type=["string", "null"]
    ),
    "POST /cases 201.note: {'type': 'integer'} does not fit": lambda api: fields(api, "Out")[
        "note"
    ]["anyOf"].append({"type": "integer"}),
    "POST /cases 201.place.lat: was removed": lambda api: fields(api, "Place").update(
        x=fields(api, "Place").pop("lat")
    ),
}


@pytest.mark.parametrize("problem", BREAKING)
def test_a_change_that_breaks_clients_is_found(problem: str) -> None:
    changed = deepcopy(API)
    BREAKING[problem](changed)
    assert openapi_problems(API, changed) == [problem]


HARMLESS: list[Change] = [
    lambda _: None,
    lambda api: api["paths"].update({"/new": {"get": {}}}),
    lambda api: post(api)["parameters"].append(parameter()),
    lambda api: post(api)["responses"].pop("404"),
    lambda api: post(api)["responses"].update({"429": {}}),
    lambda api: api["paths"]["/cases"]["parameters"].clear(),
    lambda api: fields(api, "In").update(more={"type": "string"}),
    lambda api: fields(api, "In")["title"].update(maxLength=200),
    lambda api: api["components"]["schemas"]["In"].update(required=[]),
    lambda api: post(api)["parameters"][1].update(schema={"enum": ["a", "b", "c"]}),
    lambda api: fields(api, "Out").update(more={"type": "string"}),
    lambda api: fields(api, "Out")["size"].update(type="integer"),
    lambda api: fields(api, "Out")["status"].update(enum=["open", "closed"]),
    lambda api: fields(api, "Out")["note"].update(anyOf=[{"type": "string"}]),
]


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_breaks_no_client_is_allowed(change: Change) -> None:
    changed = deepcopy(API)
    change(changed)
    assert openapi_problems(API, changed) == []


BUS: Any = {
    "channels": {"cases": {"address": "{prefix}.cases"}},
    "components": {
        "schemas": {
            "cases.CaseTagged": {
                "type": "object",
                "properties": {
                    "type": {"const": "CaseTagged.v1"},
                    "data": {"$ref": "#/components/schemas/CaseTagged"},
                },
            },
            "CaseTagged": {"type": "object", "properties": {"tag": {"type": "string"}}},
        }
    },
}
EVENT = "cases.CaseTagged"
BREAKING_SUBSCRIBERS: dict[str, Change] = {
    "cases: the channel was removed, or has another address": lambda bus: bus["channels"].clear(),
    f"{EVENT}: the event was removed": lambda bus: bus["components"]["schemas"].pop(EVENT),
    f"{EVENT}.data.tag: the type integer does not fit": lambda bus: fields(bus, "CaseTagged")[
        "tag"
    ].update(type="integer"),
}


@pytest.mark.parametrize("problem", BREAKING_SUBSCRIBERS)
def test_a_change_that_breaks_subscribers_is_found(problem: str) -> None:
    changed = deepcopy(BUS)
    BREAKING_SUBSCRIBERS[problem](changed)
    assert asyncapi_problems(BUS, changed) == [problem]


def test_a_new_version_of_an_event_is_another_message() -> None:
    changed = deepcopy(BUS)
    fields(changed, EVENT)["type"] = {"const": "CaseTagged.v2"}
    fields(changed, "CaseTagged")["tag"]["type"] = "integer"
    assert asyncapi_problems(BUS, changed) == []
    fields(changed, EVENT)["type"] = {"const": "CaseTagged.v1"}
    assert asyncapi_problems(BUS, changed)


def test_a_value_that_was_constant_stays_so() -> None:
    changed = deepcopy(BUS)
    constant = deepcopy(BUS)
    fields(constant, "CaseTagged")["tag"] = {"const": "police"}
    (problem,) = asyncapi_problems(constant, changed)
    assert problem == f"{EVENT}.data.tag: is not always police"
