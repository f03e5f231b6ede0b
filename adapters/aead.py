"""Encrypt short values with AES-256-GCM, each with a random nonce and bound to its context."""

from os import urandom

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
TAG_BYTES = 16


def encrypt(cipher: AESGCM, plain: bytes, bound: bytes) -> bytes:
    """Return nonce and ciphertext. ``bound`` is not part of them; decrypting needs the same."""
    nonce = urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, bound)


def decrypt(cipher: AESGCM, blob: bytes, bound: bytes) -> bytes:
    """Return the plain bytes. Raises InvalidTag for another key or ``bound``, or a changed blob."""
    return cipher.decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], bound)
