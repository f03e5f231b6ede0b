"""Compose a town: its members, their cases, and how others react."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain
from random import Random

from domain.cases.engagement import ShareNetwork
from domain.cases.party import PartyKind
from domain.cases.place import Precision
from domain.moderation.subject import SubjectKind
from entrypoints.demo.material import LANGUAGES, Material, Offence, Quarter, Story, read_material

CASES, MEMBERS = 120, 28
LONGEST_AGO_DAYS = 150
FLAGS_ON_AN_OFFENCE = 7
HONEST_CASES_FLAGGED = 3
EARLY = 4  # How many members of each language report before the others have joined.


# A member is given by their index in the town's list.


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """The location of a case, as its reporter gives it."""

    name: str
    lat: float
    lon: float
    precision: Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A party to a case, and the member who names it."""

    by: int
    kind: PartyKind
    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A comment, and the replies to it."""

    by: int
    text: str
    replies: tuple["Remark", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCase:
    """The report of the author, and the additions of others."""

    author: int
    language: str
    title: str
    story: str
    category: str
    occurred_on: date | None
    spot: Spot
    tags: tuple[str, ...]
    anonymous: bool = False
    located_by: int | None = None
    parties: tuple[Named, ...] = ()
    remarks: tuple[Remark, ...] = ()
    supporters: tuple[int, ...] = ()
    followers: tuple[int, ...] = ()
    shares: tuple[tuple[int, ShareNetwork], ...] = ()
    added_tags: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A case or a remark that members flag. ``verdict`` is a moderator's decision; without one the
    flags stay open."""

    case: int
    remark: Remark | None = None
    rule: str
    note: str
    by: tuple[int, ...]
    verdict: str = ""
    reason: str = ""
    appeal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """Everything to be played. The members' languages alternate."""

    members: tuple[str, ...]
    cases: tuple[PlannedCase, ...]
    flagged: tuple[Flagged, ...]


def compose(luck: Random, today: date, *, cases: int = CASES, members: int = MEMBERS) -> Town:
    """Return a town of so many cases and members. The same ``luck`` and day give the same town."""
    return _Composer(luck, today, members).town(cases)


@dataclass(frozen=True, slots=True)
class _Telling:
    """One version of a story. Only the first one gets the story's comment."""

    language: str
    story: Story
    version: int
    first: bool


class _Composer:
    def __init__(self, luck: Random, today: date, members: int) -> None:
        self._luck = luck
        self._today = today
        self._members = range(members)
        self._material = {language: read_material(language) for language in LANGUAGES}

    def town(self, count: int) -> Town:
        tales = self._tales(count)
        cases = [self._case(telling, at / count) for at, telling in enumerate(tales)]
        cases = self._noticed(cases)
        offences = [
            (language, offence)
            for language in LANGUAGES
            for offence in self._material[language].offences
        ]
        flagged: list[Flagged] = []
        for language, offence in offences:
            flagged.append(self._offend(cases, language, offence, first=not flagged))
        flagged += self._wronged(cases[:count])
        names = [self._material[LANGUAGES[one % 2]].pseudonyms[one // 2] for one in self._members]
        return Town(members=tuple(names), cases=tuple(cases), flagged=tuple(flagged))

    # Reports

    def _tales(self, count: int) -> list["_Telling"]:
        """Return versions of stories, with alternating languages."""
        by_language = [self._tellings(language) for language in LANGUAGES]
        return list(chain.from_iterable(zip(*by_language, strict=True)))[:count]

    def _tellings(self, language: str) -> list["_Telling"]:
        """Return each story once, then each again in other words: similar ones are far apart."""
        stories = list(self._material[language].stories)
        orders = {story.body: self._luck.sample(range(3), 3) for story in stories}
        found = []
        for again in range(3):
            self._luck.shuffle(stories)
            for story in stories:
                version = orders[story.body][again]
                found.append(_Telling(language, story, version, first=not again))
        return found

    def _case(self, telling: "_Telling", progress: float) -> PlannedCase:
        """Return a case by a member who has joined at this point (``progress`` from 0 to 1)."""
        language, story, version = telling.language, telling.story, telling.version
        material = self._material[language]
        author = self._early(language, progress)
        place = self._luck.choice(material.places)
        official = f"{self._luck.choice(_given(material, story))} {self._of(material.surnames)}"
        words = {
            "place": place.name,
            "amount": story.amounts[version],
            "official": official,
            "firm": self._of(material.firms),
        }
        text = f"{story.body}\n\n{story.details[version]}".format(**words)
        return PlannedCase(
            author=author,
            language=language,
            title=story.titles[version],
            story=text,
            category=story.category,
            occurred_on=self._some_day(),
            spot=self._spot(story.office, place),
            tags=story.tags,
            anonymous=story.anonymous,
            located_by=self._another(language, author) if self._chance(0.15) else None,
            parties=self._parties(story, language, author, words),
            remarks=self._remark_on(story, language, author) if telling.first else (),
        )

    def _spot(self, office: str, place: Quarter) -> Spot:
        precise = [Precision.STREET, Precision.NEIGHBOURHOOD, Precision.CITY]
        return Spot(
            name=f"{office}, {place.name}",
            lat=round(place.lat + self._luck.gauss(0, 0.003), 5),
            lon=round(place.lon + self._luck.gauss(0, 0.003), 5),
            precision=self._luck.choices(precise, (2, 5, 1))[0],
        )

    def _some_day(self) -> date | None:
        if self._chance(0.1):
            return None
        return self._today - timedelta(days=int(self._luck.triangular(1, LONGEST_AGO_DAYS, 5)))

    def _parties(
        self, story: Story, language: str, author: int, words: dict[str, str]
    ) -> tuple[Named, ...]:
        """Return the parties of a case. For an anonymous author, somebody else names them."""
        by = self._another(language, author) if story.anonymous or self._chance(0.3) else author
        found = []
        if "{official}" in story.body or self._chance(0.4):
            role = story.official_role
            found.append(Named(by=by, kind=PartyKind.PERSON, name=words["official"], role=role))
        if story.firm_role:
            name, role = words["firm"], story.firm_role
            found.append(Named(by=by, kind=PartyKind.ORGANISATION, name=name, role=role))
        return tuple(found)

    # Reactions

    def _noticed(self, cases: Sequence[PlannedCase]) -> list[PlannedCase]:
        """Let nearly all members react to a few cases, and few members to most cases."""
        ranks = self._luck.sample(range(len(cases)), len(cases))
        return [self._engaged(case, rank) for case, rank in zip(cases, ranks, strict=True)]

    def _engaged(self, case: PlannedCase, rank: int) -> PlannedCase:
        others = [one for one in self._members if one != case.author]
        fans = round(len(others) / (rank + 1) ** 0.75 + self._luck.uniform(-0.5, 0.5))
        supporters = self._luck.sample(others, min(len(others), fans))
        sharers = self._luck.sample(others, fans // 3)
        return replace(
            case,
            supporters=tuple(supporters),
            followers=tuple(self._luck.sample(others, fans // 2)),
            shares=tuple((one, self._luck.choice(list(ShareNetwork))) for one in sharers),
            remarks=case.remarks + self._talk(case, min(3, fans // 2)),
            added_tags=self._added_tags(case) if fans > 1 else (),
        )

    def _talk(self, case: PlannedCase, threads: int) -> tuple[Remark, ...]:
        chosen = self._luck.sample(self._material[case.language].threads, threads)
        return tuple(
            self._remark(thread.comment, thread.replies, case.language, case.author)
            for thread in chosen
        )

    def _remark_on(self, story: Story, language: str, author: int) -> tuple[Remark, ...]:
        return (self._remark(story.comment, (story.reply,), language, author),)

    def _remark(self, text: str, replies: Sequence[str], language: str, author: int) -> Remark:
        """Return a comment that is not by the author, and replies by others than its writer."""
        first = self._another(language, author)
        return Remark(
            by=first,
            text=text,
            replies=tuple(
                Remark(by=self._another(language, author, first), text=reply) for reply in replies
            ),
        )

    def _added_tags(self, case: PlannedCase) -> tuple[tuple[int, str], ...]:
        tag = self._of(self._material[case.language].extra_tags)
        return ((self._another(case.language, case.author), tag),)

    # Offences, and honest cases that are flagged

    def _offend(
        self, cases: list[PlannedCase], language: str, offence: Offence, *, first: bool
    ) -> Flagged:
        """Add an offence. A moderator decides on all but the first, whose flags stay open."""
        offender = self._another(language)
        remark = None
        if offence.kind == SubjectKind.CASE:
            case = len(cases)
            cases.append(self._offending_case(language, offence, offender))
        else:
            case = self._read_by_many(cases, language, offender)
            remark = Remark(by=offender, text=offence.text)
        others = [one for one in self._members if one != offender]
        return Flagged(
            case=case,
            remark=remark,
            rule=offence.rule,
            note=offence.note,
            by=tuple(self._luck.sample(others, min(FLAGS_ON_AN_OFFENCE, len(others)))),
            verdict="" if first else "hide",
            reason=offence.reason,
            appeal=offence.appeal,
        )

    def _offending_case(self, language: str, offence: Offence, offender: int) -> PlannedCase:
        material = self._material[language]
        return PlannedCase(
            author=offender,
            language=language,
            title=offence.title,
            story=offence.text,
            category="other",
            occurred_on=None,
            spot=self._spot(material.town, self._luck.choice(material.places)),
            tags=(),
        )

    def _read_by_many(self, cases: Sequence[PlannedCase], language: str, but: int) -> int:
        found = [n for n, case in enumerate(cases) if case.language == language]
        theirs = [n for n in found if cases[n].author != but]
        return max(theirs or found, key=lambda n: len(cases[n].supporters))

    def _wronged(self, cases: Sequence[PlannedCase]) -> list[Flagged]:
        """Return honest cases that members flag; moderators dismiss these flags."""
        chosen = self._luck.sample(range(len(cases)), min(HONEST_CASES_FLAGGED, len(cases)))
        return [self._wrong(case, cases[case]) for case in chosen]

    def _wrong(self, number: int, case: PlannedCase) -> Flagged:
        others = [one for one in self._members if one != case.author]
        return Flagged(
            case=number,
            rule="falsehood",
            note=WRONG[case.language],
            by=tuple(self._luck.sample(others, 2)),
            verdict="dismiss",
            reason=RIGHT[case.language],
        )

    # Random choices

    def _chance(self, probability: float) -> bool:
        return self._luck.random() < probability

    def _of(self, texts: Sequence[str]) -> str:
        return self._luck.choice(texts)

    def _speakers(self, language: str) -> list[int]:
        return [one for one in self._members if LANGUAGES[one % 2] == language]

    def _another(self, language: str, *but: int) -> int:
        """Return a member who speaks the language and is none of ``but``."""
        return self._luck.choice([one for one in self._speakers(language) if one not in but])

    def _early(self, language: str, progress: float) -> int:
        """Return a member who has joined by then, so that few cases wait for a registration."""
        speakers = self._speakers(language)
        return self._luck.choice(speakers[: max(EARLY, round(progress * len(speakers)))])


WRONG = {
    "english": "I work there, and nothing of the kind has ever happened.",
    "spanish": "Trabajo ahí y nunca ha pasado nada parecido.",
}
RIGHT = {
    "english": "The evidence shows what the story tells. Those who disagree can comment.",
    "spanish": "La prueba muestra lo que cuenta el caso. Quien no lo vea así puede comentarlo.",
}


def _given(material: Material, story: Story) -> Sequence[str]:
    return material.women if story.official == "woman" else material.men
