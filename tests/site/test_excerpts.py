"""Shortened texts end between characters."""

import pytest

from entrypoints.site.excerpts import shortened

FAMILY = "👨\u200d👩\u200d👧"


@pytest.mark.parametrize(
    ("text", "most", "found"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        (f"{FAMILY}{FAMILY}x", 8, f"{FAMILY}…"),
        (f"{FAMILY}{FAMILY}x", 6, f"{FAMILY}…"),
        (f"{FAMILY}{FAMILY}x", 5, "…"),
        ("a🇸🇩🇸🇩", 4, "a🇸🇩…"),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"),
        ("", 1, ""),
    ],
)
def test_a_text_is_cut_between_characters(text: str, most: int, found: str) -> None:
    assert shortened(text, most) == found
