"""Signing what is delivered, as Standard Webhooks 1.0 has it."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import digest

PREFIX = "whsec_"


def secret_of(key: bytes, webhook_id: str) -> bytes:
    """The secret of a webhook: nowhere stored, and the same as long as the instance's key is."""
    return digest(key, webhook_id.encode(), sha256)


def written_secret(secret: bytes) -> str:
    """The secret as a receiver's library takes it."""
    return PREFIX + b64encode(secret).decode()


def signed_headers(secret: bytes, message_id: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """The headers that let the receiver know who calls, when, and whether it has heard it."""
    signed = digest(secret, f"{message_id}.{seconds}.".encode() + body, sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }
