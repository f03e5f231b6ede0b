"""Originals and parts of uploads under AES-256-GCM, a key for each piece of evidence.

The content is cut into frames, each sealed with a nonce of random prefix, counter and a flag that
marks the last one, so that no frame can be changed, moved, dropped or cut off unnoticed: the STREAM
construction (Hoang, Reyhanitabar, Rogaway, Vizár; CRYPTO 2015).
"""

import os
from collections.abc import Iterator
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.ports.key_vault import KeyDestroyed, KeyVault
from application.ports.media_store import MediaStore, NoSuchMedia
from application.ports.sealer import NotSealed

FRAME = 1 << 16
TAG = 16
PREFIX = 7


class AesGcmSealer:
    """Seals into a media store, with keys from a vault."""

    def __init__(self, media: MediaStore, vault: KeyVault) -> None:
        self._media = media
        self._vault = vault

    def seal(self, evidence_id: str, chunks: Iterator[bytes]) -> tuple[str, int]:
        digest, size = sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        self._write(original_key(evidence_id), evidence_id, counted())
        return digest.hexdigest(), size

    def open(self, evidence_id: str) -> Iterator[bytes]:
        return self._read(original_key(evidence_id), evidence_id)

    def seal_part(self, evidence_id: str, part: str, chunks: Iterator[bytes]) -> None:
        self._write(part_key(evidence_id, part), evidence_id, chunks)

    def open_part(self, evidence_id: str, part: str) -> Iterator[bytes]:
        return self._read(part_key(evidence_id, part), evidence_id)

    def drop_parts(self, evidence_id: str) -> None:
        for key in self._media.keys(part_key(evidence_id, "")):
            self._media.delete(key)

    def destroy(self, evidence_id: str) -> None:
        self._vault.destroy(_subject(evidence_id))
        self._media.delete(original_key(evidence_id))

    def _write(self, key: str, evidence_id: str, chunks: Iterator[bytes]) -> None:
        try:
            cipher = AESGCM(self._vault.make_key(_subject(evidence_id)))
        except KeyDestroyed as error:
            raise NotSealed("its key was destroyed") from error
        self._media.write(key, _sealed(cipher, key.encode(), chunks))

    def _read(self, key: str, evidence_id: str) -> Iterator[bytes]:
        secret = self._vault.key(_subject(evidence_id))
        if secret is None:
            raise NotSealed("its key was destroyed")
        try:
            stored = self._media.read(key)
        except NoSuchMedia as error:
            raise NotSealed("there is no such original") from error
        return _opened(AESGCM(secret), key.encode(), stored)


def original_key(evidence_id: str) -> str:
    """Where the media store keeps a sealed original."""
    return f"originals/{evidence_id}"


def part_key(evidence_id: str, part: str) -> str:
    """Where the media store keeps a sealed part of an upload."""
    return f"uploads/{evidence_id}/{part}"


def _subject(evidence_id: str) -> str:
    return f"evidence/{evidence_id}"


def _sealed(cipher: AESGCM, bound: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    prefix = os.urandom(PREFIX)
    yield prefix
    for number, (frame, last) in enumerate(_frames(chunks, FRAME)):
        yield cipher.encrypt(_nonce(prefix, number, last=last), frame, bound)


def _opened(cipher: AESGCM, bound: bytes, stored: Iterator[bytes]) -> Iterator[bytes]:
    prefix, rest = _split(stored, PREFIX)
    for number, (frame, last) in enumerate(_frames(rest, FRAME + TAG)):
        try:
            yield cipher.decrypt(_nonce(prefix, number, last=last), frame, bound)
        except InvalidTag as error:
            raise NotSealed("it is not what was sealed") from error


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _frames(chunks: Iterator[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """The content in frames of one size, but for the last, which may be shorter or empty."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True


def _split(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    held = b""
    for chunk in chunks:
        held += chunk
        if len(held) >= size:
            break
    first, rest = held[:size], held[size:]

    def following() -> Iterator[bytes]:
        yield rest
        yield from chunks

    return first, following()
