"""The JSON Schema of events: what subscribers read of them on the bus."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator

from adapters.codec.cloudevents import CloudEventsWire
from adapters.codec.schemas import event_schema, published_schemas
from domain.catalog import EVENTS, EventCatalog, catalog
from domain.personal import DataSubject, Personal, PersonalText
from tests.application.test_codec import codec, recorded
from tests.golden.events import GOLDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    label: PersonalText
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelSent:
    """A parcel
    was sent."""

    by: Annotated[str, DataSubject()]
    parcel: Parcel
    gift: Parcel | None = None
    note: Annotated[str | None, Personal()] = None
    at: str


POST = catalog(post=ParcelSent)


@pytest.mark.parametrize("name", EVENTS.types)
def test_every_event_is_published_as_its_schema_says(name: str) -> None:
    data = json.loads(recorded(GOLDEN[name], codec()).data)
    validator = Draft202012Validator(event_schema(EVENTS, name))
    Draft202012Validator.check_schema(validator.schema)
    validator.validate(data)
    assert all(list(validator.iter_errors(less)) for less in without_one(data, validator.schema))


def without_one(data: dict[str, Any], schema: Any) -> Iterable[dict[str, Any]]:
    own = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    for required in own["required"]:
        yield {name: value for name, value in data.items() if name != required}


def test_encrypted_fields_are_named_and_not_described() -> None:
    defined = event_schema(POST, "post.ParcelSent")["$defs"]
    sent = defined["ParcelSent"]
    assert sent["properties"].keys() == {"sealed", "parcel", "gift", "at"}
    assert sent["required"] == ["sealed", "parcel", "at"]
    held = sent["properties"]["sealed"]["description"]
    assert held.endswith(": by, gift.label, note, parcel.label.")
    assert list(defined["Parcel"]["properties"]) == ["weight"]
    assert sent["description"] == "A parcel\nwas sent."
    assert "description" not in defined["Parcel"]  # it has no docstring


def test_a_cloudevent_is_published_as_its_schema_says() -> None:
    event = recorded(GOLDEN["cases.CaseReported"], codec())
    (sent,) = json.loads(CloudEventsWire().pack([event]))
    schemas = published_schemas(EVENTS, "#/shared/{name}")
    schema = {**schemas.events["cases.CaseReported"], "shared": schemas.shared}
    validator = Draft202012Validator(schema)
    validator.validate(sent)
    validator.validate({**sent, "source": "/klarity/open_letters"})
    for name, wrong in (("sequence", "7"), ("type", "x"), ("data", {}), ("specversion", "0.3")):
        assert list(validator.iter_errors({**sent, name: wrong})), name


def test_the_version_of_an_event_is_in_its_type() -> None:
    newer = EventCatalog(types=POST.types, upcasters={"post.ParcelSent": (dict,)})
    schema = published_schemas(newer, "#/{name}").events["post.ParcelSent"]
    assert schema["properties"]["type"] == {"const": "org.klarity.post.ParcelSent.v2"}
    assert event_schema(newer, "post.ParcelSent")["title"] == "post.ParcelSent, version 2"
