"""The error of every adapter whose external system is unavailable."""


class Unavailable(Exception):
    """The external system is unavailable. The request was valid; retry it later."""
