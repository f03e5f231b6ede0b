"""The languages of the site: which one a visitor reads, and how it writes dates and numbers."""

from datetime import UTC, date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations
from flask import g, request
from werkzeug.local import LocalProxy

CATALOGS = Path(__file__).parent / "languages"
LANGUAGES = {"en": "English", "es": "Español", "ar": "العربية"}
"""The languages, each by the name that it calls itself."""
COOKIE = "language"
DAYS_AS_AGO = 7


class Language:
    """A language, with its translations."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.locale = Locale.parse(code)
        self.direction = "rtl" if self.locale.text_direction == "rtl" else "ltr"
        self._translations = translations_of(code)

    def gettext(self, message: str) -> str:
        return str(self._translations.ugettext(message))

    def ngettext(self, one: str, many: str, number: int) -> str:
        return str(self._translations.ungettext(one, many, number))

    def number(self, value: float) -> str:
        return format_decimal(value, locale=self.locale)

    def day(self, value: str | date) -> str:
        """Return a date, such as "3 March 2026"."""
        return format_date(_date(value), "long", self.locale)

    def moment(self, value: str) -> str:
        """Return a time with its date, in UTC."""
        return format_datetime(_moment(value), "long", tzinfo=UTC, locale=self.locale)

    def ago(self, value: str) -> str:
        """Return how long ago a time was, or its date if that is longer than a week ago."""
        passed = _moment(value) - datetime.now(UTC)
        if abs(passed.days) > DAYS_AS_AGO:
            return self.day(value)
        return format_timedelta(passed, granularity="hour", add_direction=True, locale=self.locale)


@cache
def language_of(code: str) -> Language:
    return Language(code)


@cache
def translations_of(code: str) -> NullTranslations:
    """Return the translations in ``languages/<code>.po``; messages without one stay English."""
    path = CATALOGS / f"{code}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as catalog:
        write_mo(compiled, read_po(catalog, locale=code))
    compiled.seek(0)
    return Translations(compiled)


def choose_language() -> None:
    """Set the language of the request: the chosen one, or else what the browser prefers."""
    chosen = request.cookies.get(COOKIE, "")
    best = request.accept_languages.best_match(LANGUAGES, "en")
    g.language = language_of(chosen if chosen in LANGUAGES else best)


language = cast("Language", LocalProxy(lambda: g.language))
"""The language of the current request."""


def gettext(message: str, **variables: Any) -> str:
    """Return the message in the visitor's language."""
    translated = language.gettext(message)
    return translated % variables if variables else translated


def _date(value: str | date) -> date:
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)
