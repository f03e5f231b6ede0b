"""Decoders of documents, which adapters make in any thread."""

from threading import Lock
from typing import TypeVar

import msgspec

D = TypeVar("D")

_making = Lock()


def decoder_of(document: type[D]) -> msgspec.json.Decoder[D]:
    """Return a decoder.

    msgspec completes a type at its first use, and crashes if two threads do so at once, whichever
    adapters they use.
    """
    with _making:
        return msgspec.json.Decoder(document)
