"""Encrypt originals and parts with AES-256-GCM, in frames.

This is the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár ("Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", CRYPTO 2015). The nonce of a frame
is a random prefix, the frame's number, and whether it is the last, so frames cannot be reordered,
dropped, truncated or swapped. HKDF (RFC 5869) derives key and prefix of a blob from the evidence's
key, a random salt and the blob's key in the media store, so blobs cannot be swapped either, however
many parts one evidence has.
"""

from collections.abc import Iterator
from hashlib import sha256
from os import urandom
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from application.ports.key_vault import KeyDestroyed, KeyVault
from application.ports.media_store import MediaStore, NoSuchMedia
from application.ports.sealer import NotSealed, parts_prefix

FRAME = 1 << 16
SALT = 32
TAG = 16
KEY = 32
NONCE = Struct(">7sI?")  # prefix, number, last
PREFIX = 7


def original_key(evidence_id: str) -> str:
    """Return the media store's key of a sealed original."""
    return f"originals/{evidence_id}"


class AesGcmSealer:
    """Stores originals under ``originals/<id>`` and parts under ``uploads/<id>/<name>``."""

    def __init__(self, media: MediaStore, vault: KeyVault) -> None:
        self._media = media
        self._vault = vault

    def seal(self, evidence_id: str, chunks: Iterator[bytes]) -> tuple[str, int]:
        plain = _Counted(chunks)
        self._write(original_key(evidence_id), evidence_id, plain)
        return plain.digest.hexdigest(), plain.size

    def open(self, evidence_id: str) -> Iterator[bytes]:
        return self._read(original_key(evidence_id), evidence_id)

    def seal_part(self, evidence_id: str, name: str, chunks: Iterator[bytes]) -> int:
        plain = _Counted(chunks)
        self._write(parts_prefix(evidence_id) + name, evidence_id, plain)
        return plain.size

    def open_part(self, evidence_id: str, name: str) -> Iterator[bytes]:
        return self._read(parts_prefix(evidence_id) + name, evidence_id)

    def destroy(self, evidence_id: str) -> None:
        self._vault.destroy(_subject(evidence_id))
        self._media.delete(original_key(evidence_id))

    def _write(self, place: str, evidence_id: str, plain: Iterator[bytes]) -> None:
        try:
            key = self._vault.make_key(_subject(evidence_id))
        except KeyDestroyed as error:
            raise NotSealed("the key is destroyed") from error
        self._media.write(place, _sealed(key, place, plain))

    def _read(self, place: str, evidence_id: str) -> Iterator[bytes]:
        key = self._vault.key(_subject(evidence_id))
        if key is None:
            raise NotSealed("there is no key")
        try:
            yield from _opened(key, place, self._media.read(place))
        except NoSuchMedia as error:
            raise NotSealed("there is nothing sealed") from error
        except InvalidTag as error:
            raise NotSealed("the ciphertext was changed") from error


class _Counted:
    """Passes chunks on while it counts their bytes and computes their SHA-256."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.digest = sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk


class _Reader:
    """Reads chunks of any size in pieces of a given size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = bytearray()

    def read(self, size: int) -> bytes:
        """Return so many bytes: fewer at the end, and none after it."""
        while len(self._buffer) < size and (chunk := next(self._chunks, None)) is not None:
            self._buffer += chunk
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        return piece

    def frames(self, size: int) -> Iterator[tuple[bytes, bool]]:
        """Yield the rest in frames, at least one, each with whether it is the last."""
        frame = self.read(size)
        while following := self.read(size):
            yield frame, False
            frame = following
        yield frame, True


class _Stream:
    """The cipher of one blob, and its nonces in the order of the frames."""

    def __init__(self, key: bytes, place: str, salt: bytes) -> None:
        derived = HKDF(SHA256(), KEY + PREFIX, salt, place.encode()).derive(key)
        self.cipher = AESGCM(derived[:KEY])
        self._prefix = derived[KEY:]
        self._number = -1

    def nonce(self, *, last: bool) -> bytes:
        """Return the nonce of the next frame."""
        self._number += 1
        return NONCE.pack(self._prefix, self._number, last)


def _sealed(key: bytes, place: str, plain: Iterator[bytes]) -> Iterator[bytes]:
    salt = urandom(SALT)
    yield salt
    stream = _Stream(key, place, salt)
    for frame, last in _Reader(plain).frames(FRAME):
        yield stream.cipher.encrypt(stream.nonce(last=last), frame, None)


def _opened(key: bytes, place: str, sealed: Iterator[bytes]) -> Iterator[bytes]:
    reader = _Reader(sealed)
    stream = _Stream(key, place, reader.read(SALT))
    for frame, last in reader.frames(FRAME + TAG):
        yield stream.cipher.decrypt(stream.nonce(last=last), frame, None)


def _subject(evidence_id: str) -> str:
    return f"evidence/{evidence_id}"
