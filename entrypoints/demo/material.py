"""What the town's stories are composed of: hand-written, in one TOML file for each language."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

LANGUAGES = ("english", "spanish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A quarter of the town."""

    name: str
    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Something that happens to several people alike.

    ``titles``, ``amounts`` and ``details`` go together: one of each for everybody who tells it.
    Texts may hold {place}, {amount}, {official} and {firm}. ``official`` is "woman" or "man", as
    the text has it; without a ``firm_role`` there is no firm in it. Neither ``comment`` nor
    ``reply`` speaks as the author.
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
    """What may be said about any case."""

    comment: str
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offence:
    """A comment or a case that breaks a rule, why somebody flags it, and why it is hidden."""

    kind: str
    rule: str
    title: str = ""
    text: str
    note: str
    reason: str
    appeal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """All that one language has to tell."""

    town: str
    pseudonyms: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    surnames: tuple[str, ...]
    firms: tuple[str, ...]
    places: tuple[Place, ...]
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
        places=_each(Place, raw["places"]),
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
