"""Derive the keys of an instance from its secret, each for one purpose."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.own_secret import own_secret
from config.settings import Settings

KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """256-bit keys. Without the secret, personal data is lost; with it, anybody can read it."""

    vault: bytes
    references: bytes
    uploads: bytes
    credentials: bytes
    tokens: bytes
    requests: bytes
    texts: bytes
    services: str
    webhooks: bytes
    bus: bytes
    seals: bytes
    site: bytes


def derive_keys(settings: Settings) -> Keys:
    """Return the keys of the secret in the settings or in the data folder (HKDF, RFC 5869).

    Raises SettingsError if the secret in the data folder cannot be kept or is damaged.
    """
    secret = (settings.secret or own_secret(settings.data)).encode()
    return Keys(
        vault=_derived(secret, "vault"),
        references=_derived(secret, "references"),
        uploads=_derived(secret, "uploads"),
        credentials=_derived(secret, "credentials"),
        tokens=_derived(secret, "tokens"),
        requests=_derived(secret, "requests"),
        texts=_derived(secret, "texts"),
        services=_derived(secret, "services").hex(),
        webhooks=_derived(secret, "webhooks"),
        bus=_derived(secret, "bus"),
        seals=_derived(secret, "seals"),
        site=_derived(secret, "site"),
    )


def _derived(secret: bytes, purpose: str) -> bytes:
    hkdf = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"klarity {purpose}".encode())
    return hkdf.derive(secret)
