"""How names look to readers (Unicode Technical Standard 39)."""

from typing import Protocol


class Spelling(Protocol):
    """Compares names by their looks, in all scripts."""

    def is_plain(self, name: str) -> bool:
        """Return whether a name is fully visible, in letters of one script in modern use.

        Scripts that are commonly mixed, such as Japanese ones with Latin, count as one."""
        ...

    def looks(self, name: str) -> frozenset[str]:
        """Return the forms in which readers see the name: at least one.

        Readers confuse two names that share a form, whether in capitals or in small letters."""
        ...
