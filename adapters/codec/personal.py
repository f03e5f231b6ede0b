"""Personal fields, sealed with their subject's key and erased with it.

All personal fields of an event travel in one blob beside its open fields. The blob is
``reference + nonce + AES-256-GCM(subject's key, personal fields)``; the reference is the subject's
id under the instance's own key, with a nonce of its own, so that two blobs of one person have
nothing in common. Both are bound to the event's place in its stream.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.ports.codec import SubjectErased
from application.ports.key_vault import KeyDestroyed, KeyVault
from domain.ids import Personal, Subject

SEALED = "sealed"
_NONCE = 12
_TAG = 16

Paths = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PersonalFields:
    """Where an event holds personal values, which of them are lists, and which field names the
    person."""

    paths: Paths
    subject: str
    lists: frozenset[tuple[str, ...]] = frozenset()


def personal_fields(event_type: type) -> PersonalFields | None:
    """What of an event is personal, or None. TypeError where personal texts have no subject."""
    hints = get_type_hints(event_type, include_extras=True)
    subjects = {name: found for name, hint in hints.items() if (found := _mark(hint, Subject))}
    paths = _personal_paths(event_type)
    if not subjects and not paths:
        return None
    if len(subjects) != 1:
        raise TypeError(f"{event_type.__name__} needs one subject for its personal fields")
    (name, subject), *_ = subjects.items()
    return PersonalFields(
        paths=(*paths, (name,)) if subject.sealed else paths,
        subject=name,
        lists=frozenset((name,) for name, hint in hints.items() if _is_personal_list(hint)),
    )


class PersonalCipher:
    """Seals the personal fields of events, and opens what is not erased."""

    def __init__(self, vault: KeyVault, instance_key: bytes) -> None:
        self._vault = vault
        self._references = AESGCM(instance_key)

    def seal(self, data: dict[str, Any], personal: PersonalFields, place: str) -> None:
        """Move the personal fields of an event's data into its sealed blob."""
        subject = data[personal.subject]
        key = self._key_for(subject)
        taken: dict[str, Any] = {}
        for path in personal.paths:
            _move(data, taken, path)
        bound = place.encode()
        blob = self._refer(subject, bound) + _encrypt(key, msgspec.json.encode(taken), bound)
        data[SEALED] = b64encode(blob).decode()

    def open(self, data: dict[str, Any], personal: PersonalFields, place: str) -> None:
        """Put the sealed fields back in place, or empty texts where the person was erased."""
        blob, bound = b64decode(data.pop(SEALED, "")), place.encode()
        subject, sealed = self._referred(blob, bound)
        key = self._vault.key(subject) if subject else None
        for path in personal.paths:
            _set(data, path, [] if path in personal.lists else "")
        if key:
            _merge(data, msgspec.json.decode(_decrypt(_cipher(key), sealed, bound)))

    def subject(self, data: dict[str, Any], place: str) -> str:
        """Whose personal fields are sealed in the data, erased or not."""
        return self._referred(b64decode(data.get(SEALED, "")), place.encode())[0]

    def _key_for(self, subject: str) -> bytes:
        if not subject:
            raise SubjectErased
        try:
            return self._vault.key(subject) or self._vault.make_key(subject)
        except KeyDestroyed as error:
            raise SubjectErased from error

    def _refer(self, subject: str, bound: bytes) -> bytes:
        name = subject.encode()
        return bytes([len(name)]) + _encrypt_with(self._references, name, bound)

    def _referred(self, blob: bytes, bound: bytes) -> tuple[str, bytes]:
        """The subject that a blob refers to, and the fields sealed with the subject's key."""
        if not blob:
            return "", b""
        end = 1 + _NONCE + blob[0] + _TAG
        return _decrypt(self._references, blob[1:end], bound).decode(), blob[end:]


@lru_cache(maxsize=1024)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def _encrypt(key: bytes, plain: bytes, bound: bytes) -> bytes:
    return _encrypt_with(_cipher(key), plain, bound)


def _encrypt_with(cipher: AESGCM, plain: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, bound)


def _decrypt(cipher: AESGCM, blob: bytes, bound: bytes) -> bytes:
    try:
        return cipher.decrypt(blob[:_NONCE], blob[_NONCE:], bound)
    except InvalidTag as error:
        raise ValueError("sealed fields do not fit their key or their place") from error


def _move(source: dict[str, Any], target: dict[str, Any], path: tuple[str, ...]) -> None:
    *parents, name = path
    for parent in parents:
        source = source.get(parent) or {}
        if source:
            target = target.setdefault(parent, {})
    if name in source:
        target[name] = source.pop(name)


def _set(data: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    *parents, name = path
    for parent in parents:
        data = data.get(parent) or {}
    data[name] = value


def _merge(data: dict[str, Any], personal: Mapping[str, Any]) -> None:
    for name, value in personal.items():
        if isinstance(value, dict):
            _merge(data[name], value)
        else:
            data[name] = value


def _personal_paths(event_type: type) -> Paths:
    hints = get_type_hints(event_type, include_extras=True)
    paths: list[tuple[str, ...]] = []
    for field in fields(event_type):
        hint = hints[field.name]
        if _mark(hint, Personal):
            paths.append((field.name,))
        for nested in _dataclasses_in(hint):
            paths += [(field.name, *path) for path in _personal_paths(nested)]
    return tuple(paths)


def _is_personal_list(hint: Any) -> bool:
    return bool(_mark(hint, Personal)) and get_origin(hint.__origin__) is tuple


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
