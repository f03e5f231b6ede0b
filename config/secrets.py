"""The instance's secret, and the keys that are derived from it for one purpose each."""

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.settings import Settings

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """256-bit keys. Whoever loses the secret loses all personal data, whoever steals it has it."""

    vault: bytes
    references: bytes
    uploads: bytes
    tokens: bytes
    requests: bytes
    services: str
    webhooks: bytes
    bus: bytes


def derive_keys(settings: Settings) -> Keys:
    """The keys that belong to the secret of these settings (HKDF, RFC 5869)."""
    secret = (settings.secret or _own_secret(settings)).encode()
    return Keys(
        vault=_derived(secret, "vault"),
        references=_derived(secret, "references"),
        uploads=_derived(secret, "uploads"),
        tokens=_derived(secret, "tokens"),
        requests=_derived(secret, "requests"),
        services=_derived(secret, "services").hex(),
        webhooks=_derived(secret, "webhooks"),
        bus=_derived(secret, "bus"),
    )


def _own_secret(settings: Settings) -> str:
    """The secret of an instance that was given none: made once, kept beside its data."""
    path = settings.data / "secret"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(KEY_BYTES))
    return path.read_text().strip()


def _derived(secret: bytes, purpose: str) -> bytes:
    hkdf = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"klarity {purpose}".encode())
    return hkdf.derive(secret)
