"""Fold letters and digits: what people take for the same is written the same way."""

from functools import lru_cache
from unicodedata import category, combining, digit, normalize

from icu import Transliterator, UnicodeSet

LONGEST = 64
"""The characters of a word that count. Longer ones exist only in hostile texts."""

RUNS = UnicodeSet(
    "[[:scx=Hani:][:scx=Hira:][:scx=Kana:][:scx=Bopo:][:scx=Hang:]"
    "[:scx=Thai:][:scx=Laoo:][:scx=Khmr:][:scx=Mymr:]]"
)
"""The characters of the scripts that are written without spaces between words, or, as Korean, with
endings that are not cut off.
"""

_IGNORED = UnicodeSet("[[:Default_Ignorable_Code_Point:][:Cf:]\u0640]")
_HAN = UnicodeSet("[:Script=Hani:]")
_SIMPLIFIED = Transliterator.createInstance("Traditional-Simplified")
_HIRAGANA = ord("ァ") - ord("ぁ")

# Letters that Unicode does not decompose: those with a stroke or hook, of Arabic script, and the
# final forms of Hebrew script.
_LIKE = {
    **dict(zip("ıłđøħŧəɛɔŋɓɗƙƴ", "ildohteeonbdky", strict=True)),
    **{"ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ґ": "г", "ँ": "ं"},
    **dict(zip("یىےکەھہۀة", "يييكههههه", strict=True)),
    **dict(zip("ךםןףץ", "כמנפצ", strict=True)),
}
# Combining classes of marks that people leave out: overlays, dots below Indic letters, Hebrew and
# Arabic vowels, and accents. The marks of all other classes are letters to their readers.
_LEFT_OUT = {1, 7, *range(10, 37), *range(200, 241)}


class _Folds(dict[int, str | None]):
    """What each character folds to, worked out when it is first met."""

    def __missing__(self, code: int) -> str | None:
        self[code] = folded = _folded(chr(code))
        return folded


class Classes(dict[int, str]):
    """The class of each character, for patterns over a text: "w" a letter or digit, "r" one of a
    script of runs, "m" a mark, "i" ignored, and a space for all others.
    """

    def __missing__(self, code: int) -> str:
        self[code] = its_class = _class(chr(code))
        return its_class


def fold(text: str) -> str:
    """Return the text without case, accents and variants of letters. Linear in its length."""
    return _fold(text) if len(text) <= LONGEST else _fold.__wrapped__(text)


@lru_cache(1 << 16)
def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Case folding can add marks, and decomposing can add capitals. Hence each step twice.
    folded = normalize("NFKD", normalize("NFKD", text.casefold()).casefold())
    return normalize("NFC", folded.translate(_FOLDS))


def _folded(letter: str) -> str | None:
    if letter in _IGNORED or combining(letter) in _LEFT_OUT:
        return None
    if (number := digit(letter, None)) is not None:
        return str(number)
    if "ァ" <= letter <= "ヶ":
        return chr(ord(letter) - _HIRAGANA)
    if letter in _HAN:
        simplified: str = _SIMPLIFIED.transliterate(letter)
        return simplified
    return _LIKE.get(letter, letter)


def _class(letter: str) -> str:
    kind = category(letter)[0]
    if letter in _IGNORED:
        return "i"
    if kind == "M" or letter in "ﾞﾟ":
        return "m"
    if kind not in "LN":
        return " "
    return "r" if letter in RUNS else "w"


_FOLDS = _Folds()
