"""The instance's secret, and the keys that are derived from it for one purpose each."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.own_secret import own_secret
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
    seals: bytes


def derive_keys(settings: Settings) -> Keys:
    """The keys that belong to the secret of these settings (HKDF, RFC 5869).

    Raises SettingsError where it cannot be kept, or is damaged.
    """
    secret = (settings.secret or own_secret(settings.data)).encode()
    return Keys(
        vault=_derived(secret, "vault"),
        references=_derived(secret, "references"),
        uploads=_derived(secret, "uploads"),
        tokens=_derived(secret, "tokens"),
        requests=_derived(secret, "requests"),
        services=_derived(secret, "services").hex(),
        webhooks=_derived(secret, "webhooks"),
        bus=_derived(secret, "bus"),
        seals=_derived(secret, "seals"),
    )


def _derived(secret: bytes, purpose: str) -> bytes:
    hkdf = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"klarity {purpose}".encode())
    return hkdf.derive(secret)
