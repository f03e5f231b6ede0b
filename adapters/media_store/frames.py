"""Encrypt a blob with AES-256-GCM in frames, any of which can be decrypted by itself.

This is the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár ("Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015). The nonce of a frame
is a random prefix, the frame's number, and whether it is the last, so frames cannot be reordered,
dropped, truncated or swapped. HKDF (RFC 5869) derives key and prefix of a blob from the evidence's
key, a random salt and the blob's key in the media store, so blobs cannot be swapped either, however
many of them one evidence has.

A reader of a range decrypts the last frame first: only the true last one, at its true number,
passes as such, so the size is authentic. Tink's and age's readers with random access do the same.
The salt follows the last frame, so that both are read at once.
"""

from collections.abc import Iterator
from os import urandom
from struct import Struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FRAME = 1 << 16
TAG = 16
SEALED_FRAME = FRAME + TAG
SALT = 32
KEY = 32
PREFIX = 7
NONCE = Struct(f">{PREFIX}sI?")  # prefix, number, last


class FrameCipher:
    """The cipher of one blob. ``place`` is the blob's key in the media store."""

    def __init__(self, key: bytes, place: str, salt: bytes) -> None:
        derived = HKDF(SHA256(), KEY + PREFIX, salt, place.encode()).derive(key)
        self._cipher = AESGCM(derived[:KEY])
        self._prefix = derived[KEY:]

    def encrypt(self, frame: bytes | memoryview, number: int, *, last: bool) -> bytes:
        """Return the encrypted frame. Each number is used once."""
        return self._cipher.encrypt(NONCE.pack(self._prefix, number, last), frame, None)

    def decrypt(self, frame: bytes | memoryview, number: int, *, last: bool) -> bytes:
        """Return the plain frame. Raises InvalidTag for any frame but this one."""
        return self._cipher.decrypt(NONCE.pack(self._prefix, number, last), frame, None)


def encrypted(key: bytes, place: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the frames of the encrypted blob, at least one, and the salt."""
    salt = urandom(SALT)
    cipher, pieces, number = FrameCipher(key, place, salt), Pieces(chunks), 0
    frame = pieces.read(FRAME)
    while following := pieces.read(FRAME):
        yield cipher.encrypt(frame, number, last=False)
        frame, number = following, number + 1
    yield cipher.encrypt(frame, number, last=True)
    yield salt


def last_frame(size: int) -> int:
    """Return the number of the last frame of an encrypted blob of this size."""
    return max(0, size - SALT - 1) // SEALED_FRAME


def plain_size(size: int) -> int:
    """Return the size of the plain blob for that of the encrypted one."""
    return size - SALT - TAG * (last_frame(size) + 1)


class Pieces:
    """Reads chunks of any size in pieces of a given size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int) -> memoryview:
        """Return so many bytes: fewer at the end, and none after it."""
        found, length = [self._rest] if self._rest else [], len(self._rest)
        while length < size and (chunk := next(self._chunks, None)) is not None:
            found.append(memoryview(chunk))
            length += len(chunk)
        joined = found[0] if len(found) == 1 else memoryview(b"".join(found))
        self._rest = joined[size:]
        return joined[:size]
