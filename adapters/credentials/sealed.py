"""Credentials and sessions of which neither the store nor an old copy of it shows anything."""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from hmac import digest as hmac_digest
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from adapters.aead import decrypt, encrypt
from application.ports.credentials import Credential, Credentials, PseudonymTaken, Session
from application.ports.key_vault import KeyDestroyed, KeyVault

NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


# Made while one thread imports it: msgspec crashes if two threads use a type for the first time.
_credentials = msgspec.json.Decoder(Credential)


class _Owner(NamedTuple):
    """A member as the store knows them: by a random alias, with their id encrypted beside it."""

    name: str
    member_id: str
    key: bytes


class SealedCredentials:
    """Replaces what a store of credentials would tell about members, before it is stored.

    A pseudonym, and each of its looks, is stored as a keyed digest, by which it is found. A
    credential is encrypted with a key that the vault holds under an alias of the member. The vault
    holds the link from the member to the alias as well. ``forget`` destroys both keys: then no old
    copy of a row leads to the member, and no passphrase can be tried against it.
    """

    def __init__(self, credentials: Credentials, vault: KeyVault, key: bytes) -> None:
        self._credentials = credentials
        self._vault = vault
        self._key = key

    def claim(self, credential: Credential, looks: Set[str]) -> None:
        owner = self._made_owner(credential.member_id)
        if owner is None:
            raise PseudonymTaken
        sealed = Credential(
            handle=self._handle(credential.handle),
            member_id=owner.name,
            passphrase_hash=_sealed(owner, credential),
            created_at=NO_TIME,
        )
        self._credentials.claim(sealed, self._looks(looks))

    def release(self, handle: str, member_id: str) -> None:
        if owner := self._owner(member_id):
            self._credentials.release(self._handle(handle), owner.name)

    def find(self, handle: str) -> Credential | None:
        found = self._credentials.find(self._handle(handle))
        return next(self._opened([found]), None) if found else None

    def alike(self, looks: Set[str]) -> Sequence[Credential]:
        return list(self._opened(self._credentials.alike(self._looks(looks))))

    def credentials_of(self, member_id: str) -> Sequence[Credential]:
        owner = self._owner(member_id)
        found = self._credentials.credentials_of(owner.name) if owner else ()
        return list(self._opened(found))

    def replace_hash(self, member_id: str, old_hash: str, new_hash: str) -> bool:
        if owner := self._owner(member_id):
            for stored in self._credentials.credentials_of(owner.name):
                held = _opened(owner, stored)
                if held.passphrase_hash == old_hash:
                    new = _sealed(owner, replace(held, passphrase_hash=new_hash))
                    return self._credentials.replace_hash(owner.name, stored.passphrase_hash, new)
        return False

    def open_session(self, session: Session) -> None:
        if owner := self._made_owner(session.member_id):
            self._credentials.open_session(replace(session, member_id=owner.name))

    def session(self, session_id: str) -> Session | None:
        session = self._credentials.session(session_id)
        owner = self._named(session.member_id) if session else None
        return replace(session, member_id=owner.member_id) if session and owner else None

    def sessions_of(self, member_id: str) -> Sequence[Session]:
        owner = self._owner(member_id)
        found = self._credentials.sessions_of(owner.name) if owner else ()
        return [replace(session, member_id=member_id) for session in found]

    def rotate(self, session_id: str, old_hash: str, new_hash: str, at: datetime) -> bool:
        return self._credentials.rotate(session_id, old_hash, new_hash, at)

    def repeat(self, session_id: str, previous_hash: str, since: datetime) -> bool:
        return self._credentials.repeat(session_id, previous_hash, since)

    def end_session(self, session_id: str) -> None:
        self._credentials.end_session(session_id)

    def end_sessions(self, member_id: str, but: str = "") -> None:
        if owner := self._owner(member_id):
            self._credentials.end_sessions(owner.name, but)

    def forget(self, member_id: str) -> None:
        if owner := self._owner(member_id):
            self._credentials.forget(owner.name)
        if link := self._vault.key(_link(member_id)):
            self._vault.destroy(_subject(_alias(link)))
        # Last, because a repetition needs it. Without it, no session can be opened any more.
        self._vault.destroy(_link(member_id))

    def delete_expired(self, now: datetime) -> None:
        self._credentials.delete_expired(now)

    def _opened(self, found: Iterable[Credential]) -> Iterator[Credential]:
        """Decrypt the credentials, except those of members who are being forgotten."""
        for stored in found:
            if owner := self._named(stored.member_id):
                yield _opened(owner, stored)

    def _owner(self, member_id: str) -> _Owner | None:
        link = self._vault.key(_link(member_id))
        alias = _alias(link) if link else ""
        key = self._vault.key(_subject(alias)) if alias else None
        return _owner(alias, key, member_id) if key else None

    def _made_owner(self, member_id: str) -> _Owner | None:
        """Return the owner, with keys made if there are none; None for a forgotten member."""
        try:
            alias = _alias(self._vault.make_key(_link(member_id)))
            return _owner(alias, self._vault.make_key(_subject(alias)), member_id)
        except KeyDestroyed:
            return None

    def _named(self, name: str) -> _Owner | None:
        """Return the owner of this name, or None for a forgotten member."""
        alias, _, sealed = name.partition(".")
        key = self._vault.key(_subject(alias))
        if key is None:
            return None
        return _Owner(name, _member_id(key, sealed), key)

    def _handle(self, handle: str) -> str:
        return self._keyed("handle", handle)

    def _looks(self, looks: Set[str]) -> Set[str]:
        return {self._keyed("look", look) for look in looks}

    def _keyed(self, purpose: str, text: str) -> str:
        return hmac_digest(self._key, f"{purpose} {text}".encode(), "sha256").hex()


def _owner(alias: str, key: bytes, member_id: str) -> _Owner:
    sealed = b64encode(_id_cipher(key).encrypt(member_id.encode(), None)).decode()
    return _Owner(f"{alias}.{sealed}", member_id, key)


@lru_cache(maxsize=1024)
def _member_id(key: bytes, sealed: str) -> str:
    """Decrypt a member's id; every request looks a session up, and reads one."""
    return _id_cipher(key).decrypt(b64decode(sealed), None).decode()


def _id_cipher(key: bytes) -> AESSIV:
    """The cipher of the member's id, without a nonce: the owner's name is always the same."""
    return AESSIV(hmac_digest(key, b"id of the owner", "sha256"))


def _sealed(owner: _Owner, credential: Credential) -> str:
    blob = encrypt(AESGCM(owner.key), msgspec.json.encode(credential), owner.name.encode())
    return b64encode(blob).decode()


def _opened(owner: _Owner, stored: Credential) -> Credential:
    plain = decrypt(AESGCM(owner.key), b64decode(stored.passphrase_hash), owner.name.encode())
    return _credentials.decode(plain)


def _link(member_id: str) -> str:
    return f"owners/{member_id}"


def _subject(alias: str) -> str:
    return f"credentials/{alias}"


def _alias(link: bytes) -> str:
    return hmac_digest(link, b"alias", "sha256").hex()[:32]
