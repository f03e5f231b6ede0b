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
    models: bytes
    references: bytes
    search: bytes
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
    monitor: bytes
    backups: bytes
    traces: bytes


def derive_keys(settings: Settings) -> Keys:
    """Return the keys of the secret in the settings or in the data folder (HKDF, RFC 5869).

    Raises SettingsError if the secret in the data folder cannot be kept or is damaged.
    """
    return keys_of(settings.secret or own_secret(settings.data))


def keys_of(text: str) -> Keys:
    """Return the keys of a secret."""
    secret = text.encode()
    return Keys(
        vault=_derived(secret, "vault"),
        models=_derived(secret, "models"),
        references=_derived(secret, "references"),
        search=_derived(secret, "search"),
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
        monitor=_derived(secret, "monitor"),
        backups=_derived(secret, "backups"),
        traces=_derived(secret, "traces"),
    )


def _derived(secret: bytes, purpose: str) -> bytes:
    hkdf = HKDF(SHA256(), KEY_BYTES, salt=None, info=f"klarity {purpose}".encode())
    return hkdf.derive(secret)
