"""A member's aliases are found in a read model, and remembered for those who asked last."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.read_models.memory import MemoryReadModels
from application.engine import own_aliases
from application.engine.own_aliases import OwnAliases
from application.engine.query_service import ALIASES, Alias, Viewer
from application.ports.checkpoints import START
from application.ports.read_models import ReadModel
from domain.actors import Actor
from domain.ids import MemberId
from tests.world import Clock

NOW = Clock().now
UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)


def owns(member_id: str, owner: str) -> bool:
    return owner.startswith(f"{member_id}-")


def viewer(member_id: str) -> Viewer:
    return Viewer(Actor(member_id=MemberId(member_id)), owns)


@pytest.fixture
def model() -> ReadModel[Any]:
    return MemoryReadModels().open("notifications", 1, Alias, (), (ALIASES,))


def add(model: ReadModel[Any], *aliases: str, hours: int = 0) -> None:
    since = NOW + timedelta(hours=hours)
    rows = {alias: Alias(alias=alias, since=since) for alias in aliases}
    revision = model.checkpoint().revision
    model.commit({}, model.checkpoint().next() if revision else START.next(), {Alias: rows})


def test_a_member_gets_their_own_aliases_also_those_that_are_added_later(
    model: ReadModel[Any],
) -> None:
    found = OwnAliases()
    assert found.add_to(viewer("ann"), model).aliases == ()
    add(model, "ann-1", "ben-1")
    assert found.add_to(viewer("ann"), model).ids == ("ann", "ann-1")
    add(model, "ann-2", hours=5)
    add(model, "ann-3", hours=5)
    assert found.add_to(viewer("ann"), model).aliases == ("ann-1", "ann-2", "ann-3")
    assert found.add_to(viewer("ben"), model).aliases == ("ben-1",)


def test_an_alias_that_does_not_tell_its_time_is_found_whenever_it_is_added(
    model: ReadModel[Any],
) -> None:
    found = OwnAliases()
    add(model, "ann-1")
    found.add_to(viewer("ann"), model)
    revision = model.checkpoint().next()
    model.commit({}, revision, {Alias: {"ann-2": Alias(alias="ann-2", since=UNTOLD)}})
    assert found.add_to(viewer("ann"), model).aliases == ("ann-1", "ann-2")


def test_an_alias_that_is_a_little_older_than_the_newest_is_found(model: ReadModel[Any]) -> None:
    found = OwnAliases()
    add(model, "ann-1", hours=1)
    found.add_to(viewer("ann"), model)
    add(model, "ann-2")
    assert found.add_to(viewer("ann"), model).aliases == ("ann-1", "ann-2")


def test_nobody_in_particular_has_no_alias(model: ReadModel[Any]) -> None:
    add(model, "-1")
    assert OwnAliases().add_to(Viewer(), model).ids == ()


def test_more_aliases_than_one_read_gives(
    model: ReadModel[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_aliases, "ROWS_A_READ", 2)
    add(model, *(f"ann-{number}" for number in range(5)))
    assert len(OwnAliases().add_to(viewer("ann"), model).aliases) == 5


def test_who_asked_long_ago_is_looked_up_again(
    model: ReadModel[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_aliases, "MEMBERS", 1)
    found = OwnAliases()
    add(model, "ann-1", "ben-1")
    for member_id in ("ann", "ben", "ann"):
        assert found.add_to(viewer(member_id), model).aliases == (f"{member_id}-1",)
    assert len(found._known) == 1
