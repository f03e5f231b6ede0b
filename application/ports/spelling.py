"""How names look to those who read them (Unicode Technical Standard 39)."""

from typing import Protocol


class Spelling(Protocol):
    """Judges names by how they look. It knows the scripts of the world."""

    def is_plain(self, name: str) -> bool:
        """Return whether readers see all of the name, in letters of one script that people use today.

        Scripts that are written together, such as those of Japanese with Latin, count as one."""
        ...

    def looks(self, name: str) -> frozenset[str]:
        """Return the forms in which the name appears: at least one. Names that share one are mistaken
        for each other, in capitals or small letters."""
        ...
