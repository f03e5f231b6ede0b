"""Calling the systems of others, whose addresses nobody here vouches for."""

from collections.abc import Mapping
from typing import Protocol


class CallFailed(Exception):
    """The receiver was not reached, must not be, or did not accept; the message says in short."""


class WebhookCaller(Protocol):
    def call(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """POST the body once, and return when the receiver accepted it with a status of 2xx.

        Raises CallFailed within seconds. It follows no redirect, and reaches nothing but public
        addresses, whatever a name resolves to. What the receiver answers besides is not read.
        """
        ...

    def may_call(self, url: str) -> bool:
        """Return whether the address is public, as far as can be told now.

        A name that does not resolve yet, and what is no address at all, is not judged here.
        """
        ...
