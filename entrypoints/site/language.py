"""The languages of the site: which one a visitor reads, and how it writes dates and numbers."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations
from flask import g, request
from werkzeug.local import LocalProxy

CATALOGS = Path(__file__).parent / "languages"
LANGUAGES = {"en": "English", "es": "Español", "ar": "العربية"}
"""The languages, each by the name that it calls itself."""
TAGS = {"en": "en", "es": "es-419", "ar": "ar-u-nu-latn"}
"""The languages as BCP 47 writes them: Spanish is that of Latin America, and Arabic has the digits
of the Maghreb. Scripts and screen readers take this from the page."""
COOKIE = "language"
DAYS_AS_AGO = 7
HOUR_SECONDS = 3600
MOST_REMEMBERED = 1024
PLACE = re.compile(r"\{(\w+)[^}]*\}")
"""Where a value stands in a message of the API. Messages of the site have ``%(name)s``."""


class Language:
    """A language, with its translations."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.tag = TAGS[code]
        self.locale = Locale.parse(self.tag.partition("-u-")[0], sep="-")
        self.direction = "rtl" if self.locale.text_direction == "rtl" else "ltr"
        catalog = catalog_of(code)
        self._translations = _compiled(catalog)
        self._templates = dict(_templates(catalog))

    def gettext(self, message: str) -> str:
        return str(self._translations.ugettext(message))

    def fixed(self, text: str) -> str:
        """Return the translation of a text that holds values where its message has ``{name}``."""
        for template, message in self._templates.items():
            if found := template.fullmatch(text):
                return self.gettext(message).format(**found.groupdict())
        return self.gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return str(self._translations.ungettext(one, many, number))

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.locale)

    def day(self, value: str | date) -> str:
        """Return a date, such as "3 March 2026"."""
        return _day(self.locale, _date(value))

    def month(self, value: str) -> str:
        """Return a month such as 2026-03 in words: "March 2026"."""
        return format_skeleton("yMMMM", _date(f"{value}-01"), locale=self.locale)

    def moment(self, value: str) -> str:
        """Return a time with its date, in UTC."""
        return _time(self.locale, _moment(value))

    def ago(self, value: str) -> str:
        """Return how long ago a time was, or its date if that is longer than a week ago."""
        passed = _moment(value) - datetime.now(UTC)
        if abs(passed.days) > DAYS_AS_AGO:
            return self.day(value)
        return _since(self.locale, round(passed.total_seconds() / HOUR_SECONDS))


@cache
def language_of(code: str) -> Language:
    return Language(code)


def catalog_of(code: str) -> Catalog:
    """Return the catalog ``languages/<code>.po``; messages without a translation stay English."""
    path = CATALOGS / f"{code}.po"
    if not path.exists():
        return Catalog(locale=code)
    with path.open("rb") as catalog:
        return read_po(catalog, locale=code)


def _compiled(catalog: Catalog) -> Translations:
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)


def _templates(catalog: Catalog) -> Iterator[tuple[re.Pattern[str], str]]:
    """Yield the messages with places for values, each with what matches it when it is filled."""
    for message in catalog:
        if isinstance(message.id, str) and PLACE.search(message.id):
            yield template_of(message.id), message.id


def template_of(message: str) -> re.Pattern[str]:
    """Return what matches the message, whatever stands in its places."""
    texts_and_names = PLACE.split(message)
    return re.compile(
        "".join(
            f"(?P<{part}>.+)" if index % 2 else re.escape(part)
            for index, part in enumerate(texts_and_names)
        )
    )


def choose_language() -> None:
    """Set the language of the request: the chosen one, or else what the browser prefers."""
    chosen = request.cookies.get(COOKIE, "")
    g.language = language_of(chosen if chosen in LANGUAGES else _preferred())


def _preferred() -> str:
    """Return what the browser prefers. Who reads Mexican Spanish before English reads Spanish."""
    wanted = [tag for tag, quality in request.accept_languages if quality]
    return negotiate_locale(wanted, LANGUAGES, sep="-") or "en"


language = cast("Language", LocalProxy(lambda: g.language))
"""The language of the current request."""


def _(message: str) -> str:
    """Mark a message for the catalogs; it is translated when it is shown."""
    return message


def gettext(message: str, **variables: Any) -> str:
    """Return the message in the visitor's language."""
    translated = language.gettext(message)
    return translated % variables if variables else translated


# Times are rounded to hours or days: a page of cases holds few different ones.
@lru_cache(MOST_REMEMBERED)
def _day(locale: Locale, value: date) -> str:
    return format_date(value, "long", locale)


@lru_cache(MOST_REMEMBERED)
def _time(locale: Locale, value: datetime) -> str:
    return format_datetime(value, "long", tzinfo=UTC, locale=locale)


@lru_cache(MOST_REMEMBERED)
def _since(locale: Locale, hours: int) -> str:
    """Return how many hours or days ago it was; an hour at least."""
    passed = timedelta(hours=hours or -1)
    return format_timedelta(passed, granularity="hour", add_direction=True, locale=locale)


def _date(value: str | date) -> date:
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)
