"""Shorten texts between characters as people see them: an emoji of several parts stays whole."""

from icu import BreakIterator, Locale, UnicodeString


def shortened(text: str, most: int) -> str:
    """Return the text, or its beginning and "…" if it has more than ``most`` code points."""
    if len(text) <= most:
        return text
    characters = BreakIterator.createCharacterInstance(Locale.getRoot())
    units = UnicodeString(text)  # ICU counts in UTF-16
    characters.setText(units)
    end = len(UnicodeString(text[: most - 1]))
    return f"{units[: end if characters.isBoundary(end) else characters.preceding(end)]}…"
