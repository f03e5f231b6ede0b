"""Call the webhooks of other systems. Their addresses are not trusted."""

from collections.abc import Mapping
from typing import Protocol


class CallFailed(Exception):
    """The call was not made or not accepted. The message says why in a few words."""


class WebhookCaller(Protocol):
    """Calls webhooks over HTTP."""

    def call(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """POST the body once, and return when the receiver has replied with a status of 2xx.

        Raises CallFailed within seconds. Redirects are not followed, only public addresses are
        called, whatever the name resolves to, and the body of the reply is not read.
        """
        ...

    def may_call(self, url: str) -> bool:
        """Return whether the address is public, as far as that can be determined now.

        True for a name that does not resolve yet, and for a malformed address: ``call`` fails then.
        """
        ...
