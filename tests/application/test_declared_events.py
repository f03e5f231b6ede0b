"""Declared events: the type of a handler's event declares which events it handles."""

from typing import Any

import pytest

from application.engine import declared_events as declarations
from application.engine.declared_events import declared_events, topics_of
from application.engine.query_service import QueryService
from application.queries.members import Members
from application.system import policy_types, query_services
from domain.cases.case_events import CaseReported
from domain.catalog import EVENTS, EventCatalog
from domain.members.member import MemberErased, MemberEvent


class Handlers:
    def of_a_union(self, event: CaseReported | MemberEvent) -> None: ...

    def of_one(self, event: MemberErased) -> None: ...

    def of_anything(self, event: Any) -> None: ...

    def of_an_unknown_kind(self, event: CaseReported | str) -> None: ...

    def of_nothing(self, other: CaseReported) -> None: ...


def test_the_events_of_a_union_are_declared_in_its_order() -> None:
    names = declared_events(Handlers.of_a_union)
    assert names[:2] == ("cases.CaseReported", "members.MemberRegistered")
    assert topics_of(names) == ("cases", "members")


def test_a_single_event_type_declares_one_event() -> None:
    assert declared_events(Handlers.of_one) == ("members.MemberErased",)


def test_a_class_with_two_stored_names_declares_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    types = {**EVENTS.types, "members.MemberForgotten": MemberErased}
    monkeypatch.setattr(declarations, "EVENTS", EventCatalog(types=types))
    names = declared_events(Handlers.of_one)
    assert names == ("members.MemberErased", "members.MemberForgotten")


@pytest.mark.parametrize(
    "handler", [Handlers.of_anything, Handlers.of_an_unknown_kind, Handlers.of_nothing]
)
def test_a_declaration_of_anything_but_events_is_refused(handler: Any) -> None:
    with pytest.raises(TypeError, match=f"Handlers.{handler.__name__}.*catalog"):
        declared_events(handler)


def test_a_service_that_declares_no_events_is_refused() -> None:
    with pytest.raises(TypeError, match="catalog"):

        class Vague(Members):
            def project(self, event: object, rows: Any) -> None: ...


def test_services_and_policies_handle_their_declared_events() -> None:
    every: list[Any] = [*query_services(), *policy_types()]
    for each in every:
        assert set(each.handles) <= EVENTS.types.keys()
        assert each.topics == topics_of(each.handles)
    assert set(Members.handles) == {EVENTS.names[kind] for kind in MemberEvent.__args__}
    assert not hasattr(QueryService, "handles")
