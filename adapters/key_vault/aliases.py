"""Aliases under a key of the vault."""

from hashlib import blake2b
from hmac import compare_digest, digest
from uuid import UUID

from application.ports.key_vault import KeyDestroyed, KeyVault
from domain.decider import DomainError
from domain.ids import MemberId

HALF = 8


class VaultAliases:
    """Aliases in the form of a UUID: a salt of 8 bytes that the thing's name gives, and the first 8
    bytes of HMAC-SHA256 (RFC 2104) over the salt under the member's alias key."""

    def __init__(self, vault: KeyVault) -> None:
        self._vault = vault

    def of(self, member_id: str, thing: str) -> MemberId:
        salt = blake2b(thing.encode(), digest_size=HALF).digest()
        if self._vault.key(member_id, fresh=True) is None:
            raise _erased()
        return MemberId(str(UUID(bytes=salt + _proof(self._key(member_id), salt))))

    def prepare(self, member_id: str) -> None:
        self._key(member_id)

    def is_own(self, member_id: str, owner: str) -> bool:
        if not member_id or not owner:
            return False
        return owner == member_id or self._proves(member_id, owner)

    def destroy(self, member_id: str) -> None:
        self._vault.destroy(_subject(member_id))

    def _key(self, member_id: str) -> bytes:
        try:
            return self._vault.make_key(_subject(member_id))
        except KeyDestroyed as error:
            raise _erased() from error

    def _proves(self, member_id: str, owner: str) -> bool:
        key = self._vault.key(_subject(member_id))
        if key is None or (found := _bytes(owner)) is None:
            return False
        return compare_digest(found[HALF:], _proof(key, found[:HALF]))


def _erased() -> DomainError:
    return DomainError("erased", "This member was erased.")


def _subject(member_id: str) -> str:
    return f"aliases/{member_id}"


def _proof(key: bytes, salt: bytes) -> bytes:
    return digest(key, salt, "sha256")[:HALF]


def _bytes(owner: str) -> bytes | None:
    try:
        return UUID(owner).bytes
    except ValueError:
        return None
