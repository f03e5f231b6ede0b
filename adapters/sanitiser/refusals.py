"""Exit statuses by which the tools inside the sandbox report a refusal."""

from enum import IntEnum

# No exit status of Python, bubblewrap or ffmpeg. It means that something is missing or full here.
OUR_FAULT = 90

MOST_PAGES = 200


class Refusal(IntEnum):
    """The exit statuses, by the reason for the refusal."""

    DAMAGED = 10
    TOO_LARGE = 11
    TOO_MANY_PAGES = 12
    LOCKED = 13
    PAGES_TOO_LARGE = 14
