"""Opaque texts: they are readable by the instance that wrote them, for the same purpose only."""

import re

import pytest

from adapters.opaque_texts import SivTexts
from application.ports.opaque_texts import NotWrittenHere

TEXTS = SivTexts(bytes(32))


@pytest.mark.parametrize("content", [b"x", b"cases:12,discussions:7", bytes(200)])
def test_a_text_is_read_by_the_instance_that_wrote_it(content: bytes) -> None:
    text = TEXTS.write(content, "cursor")
    assert TEXTS.read(text, "cursor") == content
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert TEXTS.write(content, "cursor") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "yesterday",
        "\u0661",
        SivTexts(bytes(31) + b"1").write(b"x", "cursor"),
        TEXTS.write(b"x", "update"),
        TEXTS.write(b"x", "cursor")[:-1] + "_",
    ],
)
def test_changed_foreign_and_misused_texts_are_refused(text: str) -> None:
    with pytest.raises(NotWrittenHere):
        TEXTS.read(text, "cursor")
