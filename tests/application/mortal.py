"""A process that is killed between any two of its steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STEPS = {
    "uploads": ("create", "recount", "advance", "finish", "disown", "delete"),
    "media": ("write", "delete"),
    "evidence": ("execute",),
    "vault": ("make_key", "destroy"),
}


class Died(BaseException):
    """The process was killed here."""


def die() -> None:
    raise Died


@dataclass
class Death:
    """Dies before or after the n-th step of all; never, when there are fewer.

    Or something else befalls it there.
    """

    step: int = -1
    after: bool = False
    deed: Callable[[], None] = die
    happened: bool = False

    def around(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def taken(*arguments: Any, **named: Any) -> Any:
            now = self.step == 0
            self.step -= 1
            if now and not self.after:
                self._befall()
            result = step(*arguments, **named)
            if now and self.after:
                self._befall()
            return result

        return taken

    def _befall(self) -> None:
        self.happened = True
        self.deed()


class Mortal:
    """A collaborator whose changes may be the last thing that a process does."""

    def __init__(self, inner: Any, steps: tuple[str, ...], death: Death) -> None:
        self._inner, self._steps, self._death = inner, steps, death

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._death.around(found) if name in self._steps else found
