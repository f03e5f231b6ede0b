"""What the parts inside the sandbox report to the outside: one exit status each, never text."""

from enum import IntEnum

# Neither Python, bubblewrap nor ffmpeg ends like this: something of ours is missing or full.
OUR_FAULT = 90


class Refusal(IntEnum):
    DAMAGED = 10
    TOO_LARGE = 11
    TOO_MANY_PAGES = 12
    LOCKED = 13
    PAGES_TOO_LARGE = 14
