"""What the parts inside the sandbox can tell the outside: one exit status each, never text."""

from enum import IntEnum


class Refusal(IntEnum):
    DAMAGED = 10
    TOO_LARGE = 11
    TOO_MANY_PAGES = 12
    LOCKED = 13
