"""Texts as words to search by, the same for what is stored and for what is asked."""

import re
import unicodedata

# A word is what is left of \w without the underscore: letters and digits of any script.
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> frozenset[str]:
    """Return the words of a text, without case and accents: "Café, CAFE" is {"cafe"}."""
    if text.isascii():
        return frozenset(_WORD.findall(text.lower()))
    return frozenset(_WORD.findall(_without_marks(text)))


def _without_marks(text: str) -> str:
    # Folding case can bring forth new marks and decomposing new capitals, hence both twice.
    folded = unicodedata.normalize("NFKD", text.casefold())
    folded = unicodedata.normalize("NFKD", folded.casefold())
    return "".join(letter for letter in folded if not unicodedata.combining(letter))
