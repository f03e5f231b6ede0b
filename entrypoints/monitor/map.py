"""A map of the services, drawn from their declarations, with live rates.

Every log is a line down the map, and every service a row: a full dot where it publishes, a ring
where it subscribes. So a further service is a further row, and the map fits a phone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, url_for
from markupsafe import Markup

from application.system import COMMAND, CONTEXTS, QUERY, policy_types, services
from application.use_cases.operations.overview import Overview
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.pages import page, rate
from entrypoints.monitor.tools import MonitorTools

WIDTH = 344
NAMES, STEP, RATE = 190, 14, 342
TOP, ROW, LINE = 112, 28, 15
LETTERS = 29
"""How many letters of a name fit before the lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """A service or a policy of the map. ``lines`` are its name as it is drawn."""

    name: str
    kind: str
    lines: Sequence[str]
    publishes: Sequence[str] = ()
    subscribes_to: Sequence[str] = ()
    rate: float | None = None
    href: str = ""

    @property
    def height(self) -> int:
        return ROW + (len(self.lines) - 1) * LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    title: str
    rows: Sequence[MapRow]
    svg: Markup


def map_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("map", __name__, url_prefix=ROOT)

    @blp.get("/map")
    def chart() -> Response:
        return page("map.html", charts=charts(tools.overview()), live=True)

    return blp


def charts(overview: Overview) -> list[Chart]:
    """Return the map in three parts, each with all logs."""
    appended = {each.log: each.appended_a_second for each in overview.logs}
    handled = {(s.kind, s.name): s.handled_a_second for s in overview.subscribers}
    parts = {
        "Command services": list(_command_services(appended)),
        "Policies": list(_policies(handled)),
        "Query services": list(_query_services(handled)),
    }
    return [
        Chart(title=title, rows=rows, svg=_drawn(title, rows, appended))
        for title, rows in parts.items()
    ]


def _command_services(appended: Mapping[str, float | None]) -> Iterator[MapRow]:
    for each in services():
        if each.kind == QUERY:
            continue
        yield MapRow(
            name=each.id,
            kind="command service" if each.kind == COMMAND else each.kind,
            lines=[each.name],
            publishes=each.publishes,
            subscribes_to=each.subscribes_to,
            rate=appended.get(each.name),
            href=url_for("events.browse", log=each.name) if each.kind == COMMAND else "",
        )


def _policies(handled: Mapping[tuple[str, str], float | None]) -> Iterator[MapRow]:
    for policy in sorted(policy_types(), key=lambda each: (each.service, each.name)):
        when, _, then = policy.name.removeprefix("when-").partition("-then-")
        yield MapRow(
            name=policy.name,
            kind="policy",
            lines=[_short(f"when {_words(when)}"), _short(f"→ {_words(then)}")],
            publishes=(policy.service,),
            subscribes_to=policy.topics,
            rate=handled.get(("policy", policy.name)),
            href=url_for("subscribers.one", kind="policy", name=policy.name),
        )


def _query_services(handled: Mapping[tuple[str, str], float | None]) -> Iterator[MapRow]:
    for each in services():
        if each.kind == QUERY:
            yield MapRow(
                name=each.id,
                kind="query service",
                lines=[_short(each.name)],
                subscribes_to=each.subscribes_to,
                rate=handled.get(("query", f"query.{each.name}")),
                href=url_for("subscribers.one", kind="query", name=each.name),
            )


def _drawn(title: str, rows: Sequence[MapRow], appended: Mapping[str, float | None]) -> Markup:
    height = TOP + sum(row.height for row in rows) + 6
    drawn = Markup("").join((*_lines(height, appended), *_drawn_rows(rows)))
    key = title.lower().replace(" ", "-")
    return Markup(
        '<svg viewBox="0 0 {width} {height}" role="img" class="map" '
        'aria-labelledby="{key}-title {key}-desc"><title id="{key}-title">{title}</title>'
        '<desc id="{key}-desc">{described}</desc>{drawn}</svg>'
    ).format(
        width=WIDTH, height=height, key=key, title=title, described=_described(rows), drawn=drawn
    )


def _lines(height: int, appended: Mapping[str, float | None]) -> Iterator[Markup]:
    """Yield a line for each log, below its name and rate."""
    for number, log in enumerate(CONTEXTS):
        x = _x(number)
        label = f"{log} {rate(appended[log])}" if appended.get(log) is not None else log
        yield Markup(
            '<line x1="{x}" x2="{x}" y1="{top}" y2="{end}" class="log log{kind}"/>'
            '<text transform="translate({x} {at}) rotate(-60)" class="label">{label}</text>'
        ).format(x=x, top=TOP - 8, at=TOP - 14, end=height, kind=number % 2, label=label)


def _drawn_rows(rows: Sequence[MapRow]) -> Iterator[Markup]:
    top = TOP
    for row in rows:
        yield _drawn_row(row, top)
        top += row.height


def _drawn_row(row: MapRow, top: int) -> Markup:
    middle = top + row.height // 2
    texts = Markup("").join(
        Markup('<text x="0" y="{}">{}</text>').format(top + 18 + number * LINE, line)
        for number, line in enumerate(row.lines)
    )
    dots = Markup("").join(_dots(row, middle))
    known = rate(row.rate) if row.rate else ""
    return Markup(
        '<g><line x1="0" x2="{}" y1="{top}" y2="{top}" class="rule"/>{}{}'
        '<text x="{}" y="{}" class="rate">{}</text></g>'
    ).format(WIDTH, texts, dots, RATE, middle + 4, known, top=top)


def _dots(row: MapRow, y: int) -> Iterator[Markup]:
    for number, log in enumerate(CONTEXTS):
        if log in row.subscribes_to:
            yield Markup('<circle cx="{}" cy="{}" r="5" class="subscribes"/>').format(_x(number), y)
        if log in row.publishes:
            radius = 2.5 if log in row.subscribes_to else 5
            yield Markup('<circle cx="{}" cy="{}" r="{}" class="publishes"/>').format(
                _x(number), y, radius
            )


def _described(rows: Sequence[MapRow]) -> str:
    """Return in words what is drawn."""
    return " ".join(
        f"{row.name}: "
        + "; ".join(
            f"{verb} {', '.join(logs)}"
            for verb, logs in (("publishes", row.publishes), ("subscribes to", row.subscribes_to))
            if logs
        )
        + "."
        for row in rows
    )


def _x(number: int) -> int:
    return NAMES + 8 + number * STEP


def _words(name: str) -> str:
    return name.replace("-", " ")


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
