"""The hand-written parts of the town's stories, in one TOML file per language."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

LANGUAGES = ("english", "spanish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter:
    """A quarter of the town."""

    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Something that happens to several people in the same way.

    ``titles``, ``amounts`` and ``details`` have the same length: one of each per reporter. Texts
    can contain {place}, {amount}, {official} and {firm}. ``official`` is "woman" or "man", to match
    the text. Without a ``firm_role`` no firm is named. ``comment`` and ``reply`` are written by
    others than the author.
    """

    category: str
    office: str
    tags: tuple[str, ...]
    official: str
    official_role: str
    firm_role: str = ""
    amounts: tuple[str, ...]
    titles: tuple[str, ...]
    body: str
    details: tuple[str, ...]
    comment: str
    reply: str
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A comment that fits any case, and its replies."""

    comment: str
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """A comment or a case that breaks a rule, the note of its flag, and the reason to hide it."""

    kind: str
    rule: str
    title: str = ""
    text: str
    note: str
    reason: str
    appeal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All texts in one language."""

    town: str
    pseudonyms: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[str, ...]
    firms: tuple[str, ...]
    places: tuple[Quarter, ...]
    stories: tuple[Story, ...]
    threads: tuple[Thread, ...]
    offences: tuple[Offence, ...]
    extra_tags: tuple[str, ...]


def read_material(language: str) -> Material:
    """Return the material in that language."""
    text = files(__package__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    return Material(
        town=raw["town"],
        **{name: tuple(values) for name, values in raw["people"].items()},
        places=_each(Quarter, raw["places"]),
        stories=_each(Story, raw["stories"]),
        threads=_each(Thread, raw["threads"]),
        offences=_each(Offence, raw["offences"]),
        extra_tags=tuple(raw["extra"]["tags"]),
    )


def _each(kind: Any, tables: list[dict[str, Any]]) -> tuple[Any, ...]:
    return tuple(
        kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})
        for table in tables
    )
