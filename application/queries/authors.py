"""The authors that documents name: by their pseudonyms, unless their profiles are hidden."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from application.engine.rows import Rows
from application.ports.read_models import Side
from domain.members.member import ProfileHidden, ProfileRestored
from domain.personal import PersonalText

D = TypeVar("D")
ProfileEvent = ProfileHidden | ProfileRestored


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    member_id: str
    pseudonym: PersonalText


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenProfile:
    """A member whose profile is hidden: no document shows their pseudonym."""

    member_id: str


HIDDEN_PROFILES = Side(HiddenProfile)


def rename_author(rows: Rows[D], event: ProfileEvent, *fields: str) -> None:
    """Hide or restore the pseudonym in all documents that have the member's id in these fields."""
    key = event.member_id
    match event:
        case ProfileHidden():
            pseudonym = ""
            rows.table(HiddenProfile).put(key, HiddenProfile(member_id=key))
        case ProfileRestored():
            pseudonym = event.pseudonym
            rows.table(HiddenProfile).delete(key)

    def renamed(author: Author) -> Author:
        return replace(author, pseudonym=pseudonym) if author.member_id == key else author

    for field in fields:
        rows.change_where(field, key, lambda document: _with_authors(document, renamed))


def without_hidden_names(rows: Rows[D], document: D) -> D:
    """Return the document without the pseudonyms of members whose profiles are hidden."""
    profiles = rows.table(HiddenProfile)

    def renamed(author: Author) -> Author:
        return replace(author, pseudonym="") if profiles.get(author.member_id) else author

    return _with_authors(document, renamed)


def _with_authors(part: D, change: Callable[[Author], Author]) -> D:
    """Return a part of a document with each author in it changed."""
    whole: Any = part
    if isinstance(whole, Author):
        whole = change(whole)
    elif isinstance(whole, tuple):
        whole = tuple(_with_authors(each, change) for each in whole)
    elif is_dataclass(whole):
        parts = {each.name: getattr(whole, each.name) for each in fields(whole)}
        parts = {name: _with_authors(inner, change) for name, inner in parts.items()}
        whole = replace(cast("Any", whole), **parts)
    return cast("D", whole)
