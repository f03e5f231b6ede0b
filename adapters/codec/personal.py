"""Encrypt the personal fields of events with the data subject's key.

One blob beside the other fields holds all personal fields of an event. It is
``reference + nonce + AES-256-GCM(subject's key, personal fields)``. The reference is the subject's
id, encrypted with the instance's key and a random nonce, so two blobs of one person do not look
alike. Both parts are bound to the event's stream and version. Destroying the subject's key erases
the fields.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.aead import NONCE_BYTES, TAG_BYTES, decrypt, encrypt
from application.ports.codec import SubjectErased
from application.ports.key_vault import KeyDestroyed, KeyVault
from domain.personal import DataSubject, Personal

SEALED = "sealed"
# Personal fields are padded to a multiple of this, so that the size reveals little.
_BLOCK = 64
INSTANCE_KEY, PERSONS_KEY = "the instance's key", "the person's key in the vault"

Path = tuple[str, ...]
Erased = str | list[object] | None


@dataclass(frozen=True, slots=True)
class PersonalFields:
    """The paths of an event's personal values with their erased values, and the name of the field
    that holds the data subject."""

    paths: Mapping[Path, Erased]
    subject: str


@cache
def personal_fields(event_type: type) -> PersonalFields | None:
    """Return the personal fields of an event type, or None.

    Raises TypeError if there are personal fields but not exactly one data subject."""
    hints = get_type_hints(event_type, include_extras=True)
    subjects = {name: found for name, hint in hints.items() if (found := _mark(hint, DataSubject))}
    paths = dict(_personal_paths(event_type))
    if not subjects and not paths:
        return None
    if len(subjects) != 1:
        raise TypeError(f"{event_type.__name__} needs one subject for its personal fields")
    (name, subject), *_ = subjects.items()
    return PersonalFields(paths={**paths, (name,): ""} if subject.sealed else paths, subject=name)


class PersonalCipher:
    """Encrypts the personal fields of events, and decrypts those that are not erased."""

    def __init__(self, vault: KeyVault, instance_key: bytes) -> None:
        self._vault = vault
        self._references = AESGCM(instance_key)

    def seal(self, data: dict[str, Any], personal: PersonalFields, place: str) -> None:
        """Move the personal fields of an event's data into its encrypted blob."""
        subject = data[personal.subject]
        key = self._key_for(subject)
        taken: dict[str, Any] = {}
        for path in personal.paths:
            _move(data, taken, path)
        bound = place.encode()
        blob = self._refer(subject, bound) + encrypt(_cipher(key), _filled(taken), bound)
        data[SEALED] = b64encode(blob).decode()

    def open(self, data: dict[str, Any], personal: PersonalFields, place: str) -> bool:
        """Put the sealed fields back in place. Returns False where the person was erased.

        An erased person's fields get their erased values; the subject stays readable, for the
        reference to it is encrypted with the instance's key.
        """
        blob, bound = b64decode(data.pop(SEALED)), place.encode()
        subject, sealed = self._referred(blob, bound)
        key = self._vault.key(subject)
        if key:
            _merge(data, msgspec.json.decode(_decrypt(_cipher(key), sealed, bound, PERSONS_KEY)))
        data.setdefault(personal.subject, subject)
        for path, erased in personal.paths.items():
            _set_default(data, path, erased)
        return key is not None

    def forget(self, subject: str) -> None:
        """Destroy the subject's key, and remove it from the cache of this process."""
        self._vault.destroy(subject)

    def subject(self, data: dict[str, Any], place: str) -> str:
        """Return the subject of the sealed personal fields, erased or not."""
        return self._referred(b64decode(data[SEALED]), place.encode())[0]

    def _key_for(self, subject: str) -> bytes:
        if not subject:
            raise SubjectErased
        try:
            return self._vault.key(subject) or self._vault.make_key(subject)
        except KeyDestroyed as error:
            raise SubjectErased from error

    def _refer(self, subject: str, bound: bytes) -> bytes:
        name = subject.encode()
        return bytes([len(name)]) + encrypt(self._references, name, bound)

    def _referred(self, blob: bytes, bound: bytes) -> tuple[str, bytes]:
        """Return the subject that a blob refers to, and the fields sealed with its key."""
        end = 1 + NONCE_BYTES + blob[0] + TAG_BYTES
        return _decrypt(self._references, blob[1:end], bound, INSTANCE_KEY).decode(), blob[end:]


@lru_cache(maxsize=1024)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def _decrypt(cipher: AESGCM, blob: bytes, place: bytes, key: str) -> bytes:
    try:
        return decrypt(cipher, blob, place)
    except InvalidTag as error:
        raise ValueError(
            f"cannot decrypt the personal fields of the event at {place.decode()}: {key} is not "
            "the one that encrypted them, or the event was changed or moved"
        ) from error


def _filled(taken: Mapping[str, Any]) -> bytes:
    """Return the fields as JSON, padded with spaces to a multiple of the block size."""
    plain = msgspec.json.encode(taken)
    return plain.ljust(-(-len(plain) // _BLOCK) * _BLOCK)


def _move(source: dict[str, Any], target: dict[str, Any], path: Path) -> None:
    *parents, name = path
    for parent in parents:
        source = source.get(parent) or {}
        if source:
            target = target.setdefault(parent, {})
    if name in source:
        target[name] = source.pop(name)


def _set_default(data: dict[str, Any], path: Path, value: Erased) -> None:
    *parents, name = path
    for parent in parents:
        data = data.get(parent) or {}
    data.setdefault(name, value)


def _merge(data: dict[str, Any], personal: Mapping[str, Any]) -> None:
    for name, value in personal.items():
        if isinstance(value, dict):
            _merge(data.setdefault(name, {}), value)
        else:
            data[name] = value


def _personal_paths(event_type: type) -> Iterator[tuple[Path, Erased]]:
    hints = get_type_hints(event_type, include_extras=True)
    for field in fields(event_type):
        hint = hints[field.name]
        if _mark(hint, Personal):
            yield (field.name,), _erased(hint.__origin__, f"{event_type.__name__}.{field.name}")
            continue
        for nested in _dataclasses_in(hint):
            for path, erased in _personal_paths(nested):
                yield (field.name, *path), erased


def _erased(kind: Any, name: str) -> Erased:
    """Return the erased value for a personal field of that type."""
    if NoneType in get_args(kind):
        return None
    if get_origin(kind) is tuple:
        return []
    if getattr(kind, "__supertype__", kind) is str:
        return ""
    raise TypeError(
        f"{name} is Personal() but a {kind.__name__}, of which nothing would be left once it is "
        "erased: make it a text, a tuple, or optional (| None)"
    )


def _mark(hint: Any, kind: type) -> Any:
    if get_origin(hint) is Annotated:
        return next((mark for mark in hint.__metadata__ if isinstance(mark, kind)), None)
    return None


def _dataclasses_in(hint: Any) -> list[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    if get_origin(hint) in (Union, UnionType):
        return [kind for kind in get_args(hint) if isinstance(kind, type) and is_dataclass(kind)]
    return []
