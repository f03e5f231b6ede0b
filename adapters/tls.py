"""TLS towards every server: whom to trust, and how to prove who we are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Paths of PEM files; an empty one means there is none.

    ``ca`` holds the authorities to trust in place of the usual ones, ``certificate`` our own
    certificate and its private key. A server must always prove the name that it was asked under.
    """

    ca: str = ""
    certificate: str = ""


USUAL = Tls()
