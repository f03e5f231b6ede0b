"""Short values under AES-256-GCM: each behind a random nonce of its own, bound to its place."""

from os import urandom

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
TAG_BYTES = 16


def encrypt(cipher: AESGCM, plain: bytes, bound: bytes) -> bytes:
    """Nonce and ciphertext. ``bound`` is not in them, and the same is needed to decrypt."""
    nonce = urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound)


def decrypt(cipher: AESGCM, blob: bytes, bound: bytes) -> bytes:
    """What was encrypted. Raises InvalidTag for another key or place, or what was changed."""
    return cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], bound)
