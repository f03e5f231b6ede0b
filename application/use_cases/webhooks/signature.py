"""Sign deliveries as specified by Standard Webhooks 1.0."""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import digest

PREFIX = "whsec_"


def secret_of(key: bytes, webhook_id: str) -> bytes:
    """Return the secret of a webhook. It is derived from the instance's key and never stored."""
    return digest(key, webhook_id.encode(), sha256)


def written_secret(secret: bytes) -> str:
    """Return the secret in the form that receivers' libraries expect."""
    return PREFIX + b64encode(secret).decode()


def signed_headers(secret: bytes, message_id: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """Return the headers with which a receiver checks the sender, the time and repetitions."""
    signed = digest(secret, f"{message_id}.{seconds}.".encode() + body, sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }
