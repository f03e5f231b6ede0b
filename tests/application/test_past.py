"""The past of a document: which former values may still be shown."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

import pytest

from adapters.codec.personal import personal_fields
from application.engine.past import marked_fields, redacted
from application.engine.query_service import FromOtherStreams, Private, Signed, fields_with
from application.system import query_services
from domain.cases.case_details import CaseDetails
from domain.catalog import EVENTS
from domain.personal import Personal, PersonalText


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    member_id: str
    pseudonym: PersonalText


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    lat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    status: str = "open"
    title: Annotated[str, Signed()] = ""
    workplace: PersonalText = ""
    day: Annotated[int | None, Personal()] = None
    tags: Annotated[tuple[str, ...], Personal()] = ()
    author: Writer | None = None
    place: Place | None = None
    public: Annotated[bool, Private()] = False


ANNA = Writer(member_id="a", pseudonym="Anna")


def test_an_unmarked_field_shows_its_former_value() -> None:
    then, now = Report(place=Place(lat=1)), Report(status="closed")
    assert redacted(then, now) == then


def test_a_personal_field_shows_its_former_value_while_it_is_unchanged() -> None:
    then = Report(workplace="Registry", day=3, tags=("a", "b"))
    assert redacted(then, then) == then
    assert redacted(then, Report(workplace="School", day=4, tags=("b", "c"))) == Report(tags=("b",))
    assert redacted(then, Report()) == Report()


def test_a_signed_field_shows_its_former_value_while_its_author_is_shown() -> None:
    then = Report(title="Before", author=ANNA)
    assert redacted(then, Report(title="After", author=ANNA)) == then
    assert redacted(then, Report(title="After")) == Report(title="After")


def test_nested_personal_fields_are_compared() -> None:
    hidden = Writer(member_id="a", pseudonym="")
    assert redacted(Report(author=ANNA), Report(author=hidden)) == Report(author=hidden)
    assert redacted(Report(author=hidden), Report(author=ANNA)) == Report(author=hidden)
    assert redacted(Report(), Report(author=ANNA)) == Report()


def test_a_private_field_shows_its_present_value() -> None:
    assert redacted(Report(), Report(public=True)) == Report(public=True)


@pytest.mark.parametrize("service", [each for each in query_services() if each.streams])
def test_what_a_person_said_in_an_event_is_marked_in_the_document(service: Any) -> None:
    kinds = [EVENTS.types[name] for name in service.handles if name.startswith(service.streams[0])]
    said = {path[-1] for kind in kinds if (found := personal_fields(kind)) for path in found.paths}
    said |= {each.name for each in fields(CaseDetails)}
    document = service.document
    marked = {*marked_fields(document), *fields_with(FromOtherStreams, document)}
    unmarked = (said & {each.name for each in fields(document)}) - marked
    assert not unmarked, f"mark them in {document.__name__} as Personal(), Signed() or Private()"
