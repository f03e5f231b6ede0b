"""Split texts into words, in the same way for stored texts and for search queries."""

import re
import unicodedata

# \w without the underscore: letters and digits of any script.
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> frozenset[str]:
    """Return the words of a text, without case and accents: "Café, CAFE" is {"cafe"}."""
    if text.isascii():
        return frozenset(_WORD.findall(text.lower()))
    return frozenset(_WORD.findall(_without_marks(text)))


def _without_marks(text: str) -> str:
    # Case folding can add marks, and decomposing can add capitals. Hence each step twice.
    folded = unicodedata.normalize("NFKD", text.casefold())
    folded = unicodedata.normalize("NFKD", folded.casefold())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))
