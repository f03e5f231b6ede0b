"""Pseudonyms: their length, their characters and the reserved names."""

import pytest

from adapters.spelling.icu import IcuSpelling
from application.use_cases.members.pseudonyms import Pseudonyms
from tests.world import refused


@pytest.fixture(scope="module")
def pseudonyms() -> Pseudonyms:
    return Pseudonyms(IcuSpelling())


@pytest.mark.parametrize(
    "name", ["Wren", "Fox in the Yard", "Anna Admire", "Root Cause", "Member 1a2b3c4d", "x" * 40]
)
def test_plain_names_are_accepted(pseudonyms: Pseudonyms, name: str) -> None:
    assert pseudonyms.accepted(name) == name


@pytest.mark.parametrize("name", ["", "ab", "x" * 41, "a\u0301b", "two\nlines", "Anna\u200b"])
def test_a_name_that_is_too_short_too_long_or_not_plain_is_refused(
    pseudonyms: Pseudonyms, name: str
) -> None:
    with refused("bad-pseudonym"):
        pseudonyms.accepted(name)


@pytest.mark.parametrize(
    "name",
    [
        "admin",
        "Admin 1",
        "ADMIN77",
        "adm1n",
        "The Moderator",
        "rnoderator",
        "m0derator",
        "Klarity",
        "KIarity Team",
        "klarity-support",
        "k.l.a.r.i.t.y",
        "Mode Rator",
        "system",
        "Sy-stem",
        "Moderación",
        "Mode\u0301rateur",
        "Модератор",
        "Erased Member",
    ],
)
def test_reserved_names_are_for_the_operator_only(pseudonyms: Pseudonyms, name: str) -> None:
    with refused("bad-pseudonym"):
        pseudonyms.accepted(name)
    pseudonyms.accepted(name, by_operator=True)


def test_a_name_is_stored_in_composed_form(pseudonyms: Pseudonyms) -> None:
    assert pseudonyms.accepted("Jose\u0301") == "Jos\u00e9"
