"""What every adapter says when the system behind it is away for a while."""


class Unavailable(Exception):
    """Try again later: nothing is wrong with what was asked."""
