"""What all Spelling promises."""

import pytest

from adapters.spelling.icu import IcuSpelling
from application.ports.spelling import Spelling
from tests.contracts.nothing import assert_fails_against_nothing

NAMES = (
    "Anna",
    "Harbour Cat",
    "Doña Inés",
    "José-Luis O'Brien",
    "Ünal_1",
    "Đặng Thị",
    "Ɛnyɔnam",
    "Anna\u2019s Ben",
    "Ольга-Мария",
    "Νίκος",
    "محمد علي",
    "נעמי לוי",
    "नेहा",
    "சிவா",
    "ประยุทธ์",
    "ኣበበ",
    "Անի",
    "ქეთი",
    "山田 花子",
    "やまだハナコ Ken",
    "김철수 Kim",
    "王小明 Wang",
    "ⵜⴰⵎⴰⵣⵉⵖⵜ",
    "ᏣᎳᎩ",
    "007",
)
NOT_PLAIN = (
    "",
    "   ",
    " Anna",
    "Anna ",
    "Anna  B",
    "Anna\nB",
    "Anna\tB",
    "Anna\x00",
    "Anna\x7f",
    "Anna\u2028B",
    "Anna\u00a0B",
    "Anna\u3000B",
    "Anna\u200b",
    "Anna\u200d",
    "Anna\u00ad",
    "Anna\u202egro",
    "Anna\u2066B",
    "Anna\ufeff",
    "Anna\U000e0041",
    "\u115f\u115f\u115f",
    "\u3164\u3164\u3164",
    "\u2800\u2800\u2800",
    "---",
    "Anna - B",
    "\u0410nna",  # a Cyrillic letter among Latin ones
    "Zo\u0451",
    "\u03a1eter",
    "ᏣᎳᎩ abc",
    "\uff21\uff4e\uff4e\uff41",  # letters as wide as Chinese ones
    "\U0001d400nna",
    "\ufb01ona",
    "i\u0307x",
    "a\u0301\u0301b",
    "a\u0301\u0302\u0303\u0304\u0306b",
    "1\u09e7",  # digits of two scripts
    "Anna \N{GRINNING FACE}",
    "Anna@home",
    "<Anna>",
    "Anna:B",
    "\ud800bc",
)
ALIKE = (
    ("Anna", "ANNA"),
    ("Jos\u00e9", "Jose\u0301"),
    ("Straße", "STRASSE"),
    ("Mila", "MiIa"),
    ("Ilya", "1lya"),
    ("Mary", "rnary"),
    ("Oona", "00na"),
    ("Cope", "\u0421\u043e\u0440\u0435"),
    ("COPE", "\u0441\u043e\u0440\u0435"),
    ("AHHA", "\u0430\u043d\u043d\u0430"),
    ("O'Brien", "O\u2019Brien"),
    ("Anna-B", "Anna\u2010B"),
)
DIFFERENT = (("Anna", "Ann"), ("Anna", "Hannah"), ("Jose", "José"), ("Anna 1", "Anna 2"))


class SpellingContract:
    @pytest.mark.parametrize("name", NAMES)
    def test_names_of_many_scripts_are_plain(self, spelling: Spelling, name: str) -> None:
        assert spelling.is_plain(name)

    @pytest.mark.parametrize("name", NOT_PLAIN)
    def test_a_name_with_hidden_or_mixed_characters_is_not_plain(
        self, spelling: Spelling, name: str
    ) -> None:
        assert not spelling.is_plain(name)

    @pytest.mark.parametrize("names", ALIKE)
    def test_confusable_names_share_a_look(
        self, spelling: Spelling, names: tuple[str, str]
    ) -> None:
        one, other = map(spelling.looks, names)
        assert one & other

    @pytest.mark.parametrize("names", DIFFERENT)
    def test_distinct_names_share_no_look(self, spelling: Spelling, names: tuple[str, str]) -> None:
        one, other = map(spelling.looks, names)
        assert one
        assert not one & other


class TestIcuSpelling(SpellingContract):
    @pytest.fixture
    def spelling(self) -> Spelling:
        return IcuSpelling()


class Nothing:
    def is_plain(self, name: str) -> bool | None:
        return None

    def looks(self, name: str) -> frozenset[str]:
        return frozenset()


def test_doing_nothing_breaks_every_promise() -> None:
    assert_fails_against_nothing(
        SpellingContract,
        spelling=Nothing(),
        but={"test_a_name_with_hidden_or_mixed_characters_is_not_plain"},
    )
