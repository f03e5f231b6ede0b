"""The rules of every query service, checked by discovery."""

from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest

from adapters.read_models.indexing import check
from application.engine.filters import Box, KeyList, Point, between
from application.engine.query_service import QueryService, Viewer
from application.ports.read_models import RELEVANCE, Between, Find, HasWords
from application.queries.case_document import CaseDocument
from application.system import query_services
from domain.actors import Actor
from domain.cases.case_details import CaseDetails
from domain.ids import MemberId

SAMPLES: dict[Any, object] = {
    str: "health",
    int: 1,
    bool: True,
    float: 1.0,
    datetime: datetime(2026, 3, 1, tzinfo=UTC),
    Box: Box.parse("0,0,1,1"),
    KeyList: KeyList.parse("c1"),
    Point: Point.parse("0,0"),
}
VIEWERS = [Viewer(), Viewer(Actor(member_id=MemberId("anna")))]

each_service = pytest.mark.parametrize("service", query_services(), ids=lambda each: each.name)
each_list = pytest.mark.parametrize(
    "service",
    [service for service in query_services() if service.lists()],
    ids=lambda each: each.name,
)


@each_list
@pytest.mark.parametrize("viewer", VIEWERS, ids=["stranger", "member"])
def test_every_filter_and_order_of_a_list_has_an_index(
    service: QueryService[Any], viewer: Viewer
) -> None:
    hints = get_type_hints(type(service).ask)
    filters = {name: sample(hints[name]) for name in service.filters}
    find = service.question(viewer, filters)
    check_texts(service, find)
    indexes = {index.name: index for index in service.indexes}
    where = tuple(one for one in find.where if not isinstance(one, HasWords))
    order_by = "" if find.order_by == RELEVANCE else find.order_by
    check(replace(find, where=where, matches=None, order_by=order_by), indexes)
    if find.recency:
        check(Find(order_by=find.recency.field), indexes)


def check_texts(service: QueryService[Any], find: Find) -> None:
    """Texts are looked for by the service that is searched, in its indexes."""
    names = {one.field for one in find.where if isinstance(one, HasWords)}
    if names or find.matches:
        (searched,) = [
            each
            for each in query_services()
            if each.name == (service.searched_by or service.name) and each.is_searched()
        ]
        assert names <= {index.name for index in searched.indexes if index.kind == "text"}


def test_a_search_knows_the_filters_and_the_order_of_those_who_ask_it() -> None:
    """But for what holds for all that can be found."""
    search = {service.name: service for service in query_services()}
    for service in query_services():
        if service.searched_by:
            known = {index.name for index in search[service.searched_by].indexes}
            hints = get_type_hints(type(service).ask)
            filters = {name: sample(hints[name]) for name in service.filters}
            find = service.question(Viewer(), filters)
            assert {one.field for one in find.where} - known == {"status"}
            assert find.order_by in known


@each_service
def test_facets_are_over_values(service: QueryService[Any]) -> None:
    kinds = {index.name: index.kind for index in service.indexes}
    assert all(kinds[name] in ("value", "many") for name in service.facets)


@each_service
def test_every_index_is_over_fields_of_the_document(service: QueryService[Any]) -> None:
    tables = [(service.document, service.indexes)]
    tables += [(side.row, side.indexes) for side in service.sides]
    for document, indexes in tables:
        known = {field.name for field in fields(document)}
        used = {source.partition(".")[0] for index in indexes for source in index.sources}
        assert used <= known, f"{document.__name__} has no such fields"


def test_every_property_of_a_case_is_in_its_document_with_the_same_type_and_default() -> None:
    told, shown = get_type_hints(CaseDetails), get_type_hints(CaseDocument)
    assert told.items() <= shown.items(), "add the property to CaseDocument"
    defaults = {field.name: field.default for field in fields(CaseDocument)}
    for field in fields(CaseDetails):
        assert field.default in (MISSING, defaults[field.name])


def sample(hint: Any) -> object:
    """A value for a filter of this type."""
    kind = next((each for each in get_args(hint) if each is not NoneType), hint)
    return next(iter(kind)) if issubclass(kind, Enum) else SAMPLES[kind]


def test_a_range_can_begin_and_end_at_zero() -> None:
    assert between("loss", 0, None) == (Between("loss", 0, None),)
    assert between("loss", None, 0) == (Between("loss", None, 0),)
    assert between("loss", None, None) == ()
