"""Compare names by their looks with ICU, the reference implementation of UTS 39."""

from unicodedata import category, normalize

from icu import SpoofChecker, UBiDiDirection, UnicodeSet, URestrictionLevel, USpoofChecks

# Letters, marks and digits of all scripts in use, including minor scripts (Limited_Use) and letters
# of few languages such as Hausa and Akan (Uncommon_Use), but no invisible characters.
_ALLOWED = UnicodeSet(
    r"[[[:Identifier_Status=Allowed:]"
    r"[:Identifier_Type=Limited_Use:]"
    r"[[:Identifier_Type=Uncommon_Use:]-[:Identifier_Type=Obsolete:]]]"
    r"-[:Default_Ignorable_Code_Point:]-[\:]\ ']"
)
_MARKS = ("Mn", "Me")
_MOST_MARKS = 4
_HIDDEN_OVERLAY = 256  # USPOOF_HIDDEN_OVERLAY, which PyICU does not name
_CHECKS = (
    USpoofChecks.RESTRICTION_LEVEL
    | USpoofChecks.CHAR_LIMIT
    | USpoofChecks.INVISIBLE
    | USpoofChecks.MIXED_NUMBERS
    | _HIDDEN_OVERLAY
)


class IcuSpelling:
    """UTS 39 at the restriction level "Highly Restrictive", with skeletons as looks."""

    def __init__(self) -> None:
        self._checker = SpoofChecker()
        self._checker.setChecks(_CHECKS)
        self._checker.setAllowedUnicodeSet(_ALLOWED)
        self._checker.setRestrictionLevel(URestrictionLevel.HIGHLY_RESTRICTIVE)

    def is_plain(self, name: str) -> bool:
        words = name.split(" ")
        readable = all(any(map(str.isalnum, word)) for word in words)
        return readable and not _is_stacked(name) and self._checker.check(name) == 0

    def looks(self, name: str) -> frozenset[str]:
        written = normalize("NFKC", name)
        forms = (written, written.casefold(), written.upper())
        return frozenset(self._skeleton(form).casefold() for form in forms)

    def _skeleton(self, text: str) -> str:
        skeleton: str = self._checker.getBidiSkeleton(UBiDiDirection.LTR, text)
        return skeleton


def _is_stacked(name: str) -> bool:
    """Return whether a letter has more marks than any language needs (UTS 39, section 5.4)."""
    marks = "".join("m" if category(each) in _MARKS else "-" for each in normalize("NFD", name))
    return "m" * (_MOST_MARKS + 1) in marks
