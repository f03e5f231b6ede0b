"""What a stolen file of read models must not tell: documents are sealed, and lists are hashed."""

from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.aead import decrypt, encrypt
from adapters.read_models.indexing import Scalar

HASH_BYTES: Final = 8
GENERATION: Final = Struct(">I")
"""Before each sealed document: the generation of its key."""


class WrongKey(Exception):
    """There is no key for this, or it was changed."""


class Seal:
    """Seals the documents of read models, and hashes what is compared for equality alone.

    Keys have generations: the newest seals, and earlier ones open what is not sealed anew yet. The
    hashes have a key that stays. A row's number is a hash too, so that rows are not stored in the
    order in which they were made.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._ciphers: Mapping[int, AESGCM] = {}
        self.generation = 0

    def use(self, keys: Mapping[int, bytes]) -> None:
        """Use these keys by their generation from now on."""
        self._ciphers = {generation: AESGCM(key) for generation, key in keys.items()}
        self.generation = max(keys)

    def number(self, key: str) -> int:
        """Return the number under which the row with the key is stored."""
        return self._hash(b"row", key)

    def value(self, value: Scalar, column: str) -> int:
        """Return the number that stands for a value in a column, and for none in another one."""
        kind = b"text" if isinstance(value, str) else b"other"
        text = value if isinstance(value, str) else repr(value)
        return self._hash(kind, f"{column}\0{text}")

    def close(self, plain: bytes, place: str) -> bytes:
        """Seal the bytes, which can be opened in the same place only."""
        cipher = self._ciphers[self.generation]
        return GENERATION.pack(self.generation) + encrypt(cipher, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the bytes. Raises WrongKey."""
        cipher = self._ciphers.get(generation_of(sealed))
        if cipher is None:
            raise WrongKey(place)
        try:
            return decrypt(cipher, sealed[GENERATION.size :], place.encode())
        except (InvalidTag, ValueError) as error:
            raise WrongKey(place) from error

    def _hash(self, kind: bytes, text: str) -> int:
        hashed = blake2b(text.encode(), digest_size=HASH_BYTES, key=self._key, person=kind)
        return int.from_bytes(hashed.digest(), signed=True)


def generation_of(sealed: bytes) -> int:
    """Return the generation of the key that sealed a document."""
    generation: int = GENERATION.unpack_from(sealed)[0]
    return generation
