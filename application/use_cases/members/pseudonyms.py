"""Check pseudonyms: readable, and not one that suggests an operator or moderator."""

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import chain
from string import digits
from unicodedata import normalize

from application.ports.spelling import Spelling
from domain.decider import DomainError
from domain.members.member import PSEUDONYM_LENGTH

# Words that no pseudonym may contain, nor words that look like them.
RESERVED_WORDS = (
    *("admin", "admins", "administrator", "administrators", "sysadmin", "webmaster", "klarity"),
    *("moderator", "moderators", "moderation"),
    *("administrador", "administradora", "moderador", "moderadora", "moderación", "moderação"),
    *("administrateur", "administratrice", "modérateur", "modératrice"),
    *("админ", "администратор", "модератор", "модерация"),
)
# Whole pseudonyms that are not allowed.
RESERVED_NAMES = (
    *("system", "root", "staff", "support", "help", "security", "official", "operator", "mod"),
    *("anonymous", "nobody", "everybody", "erased member", "null", "undefined"),
    *("sistema", "soporte", "anónimo", "anónima", "nadie", "oficial"),
)


class Pseudonyms:
    """The rules for pseudonyms, for clients of the API and for the operator."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling

    @cached_property
    def _words(self) -> frozenset[str]:
        return self._looks_of(RESERVED_WORDS)

    @cached_property
    def _names(self) -> frozenset[str]:
        return self._looks_of(RESERVED_NAMES) | self._words

    def accepted(self, pseudonym: str, *, by_operator: bool = False) -> str:
        """Return the pseudonym as it is stored (NFC). Raises DomainError if it is not allowed.

        Reserved words are allowed for members that the operator registers.
        """
        name = normalize("NFC", pseudonym)
        if not PSEUDONYM_LENGTH.least <= len(name) <= PSEUDONYM_LENGTH.most:
            least, most = PSEUDONYM_LENGTH.least, PSEUDONYM_LENGTH.most
            raise DomainError("bad-pseudonym", f"A pseudonym has {least} to {most} characters.")
        if not self._spelling.is_plain(name):
            raise DomainError(
                "bad-pseudonym",
                "A pseudonym is one line: words in the letters and digits of one script, with a "
                "space, a hyphen, a full stop or an apostrophe between them.",
            )
        if self._is_reserved(name) and not by_operator:
            raise DomainError(
                "bad-pseudonym", "This sounds like an operator or moderator; choose another one."
            )
        return name

    def looks(self, pseudonym: str) -> frozenset[str]:
        """Return how the pseudonym looks to readers. No two members share a look."""
        return self._spelling.looks(pseudonym)

    def _is_reserved(self, name: str) -> bool:
        words = re.split(r"[\W_]+", name)
        bare = [word.strip(digits) for word in words]
        is_word = self._looks_of([*words, *bare]) & self._words
        return bool(is_word or self._looks_of([name, "".join(words)]) & self._names)

    def _looks_of(self, names: Iterable[str]) -> frozenset[str]:
        return frozenset(chain.from_iterable(map(self._spelling.looks, names)))
