"""TLS towards servers: the authorities to trust, and the client certificate."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Paths of PEM files; an empty path means none.

    ``ca`` holds the authorities that replace the default ones. ``certificate`` holds the client's
    certificate and private key. The server's certificate must always match its host name.
    """

    ca: str = ""
    certificate: str = ""


USUAL = Tls()
