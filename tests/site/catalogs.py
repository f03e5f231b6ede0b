"""Bring the catalogs of the site up to date with its texts: ``make catalogs``.

The catalogs are ``entrypoints/site/languages/<code>.po``. New texts come without a translation, and
texts that are gone are removed. They hold neither dates nor places, so that changes stay small.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from adapters.sanitiser import reasons
from adapters.sanitiser.refusals import MOST_PAGES
from application.use_cases.evidence.sanitise import UNREADABLE
from application.use_cases.members.erasure_progress import REMAINS
from domain.moderation.rules import RULES
from entrypoints.site.language import CATALOGS, LANGUAGES, catalog_of

SITE = CATALOGS.parent
SOURCES = [("*.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
TRANSLATED = [code for code in LANGUAGES if code != "en"]
WIDTH = 100
HEADER = """\
# The site of Klarity in {language}. `make catalogs` adds new texts of the site.
msgid ""
msgstr ""
"Language: {code}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


def template() -> Catalog:
    """Return all texts that people read."""
    catalog = Catalog()
    found = extract_from_dir(SITE, SOURCES, OPTIONS, directory_filter=_is_ours)
    for _file, _line, message, _comments, context in found:
        catalog.add(message, context=context)
    for text in _fixed_texts():
        catalog.add(text)
    return catalog


def _is_ours(folder: str) -> bool:
    return Path(folder).name not in ("node_modules", "__pycache__")


def _fixed_texts() -> Iterator[str]:
    """Yield what the API says in fixed words, and pages show."""
    for rule in RULES:
        yield from (rule.title, rule.text)
    yield from REMAINS
    yield UNREADABLE
    constants = (value for name, value in vars(reasons).items() if name.isupper())
    yield from (value for value in constants if isinstance(value, str))
    filled = reasons.TOO_MANY_PAGES.format(pages=MOST_PAGES)
    yield from (text for text in reasons.OF_STATUS.values() if text != filled)


def write(catalog: Catalog, code: str) -> None:
    body = BytesIO()
    write_po(body, catalog, WIDTH, no_location=True, omit_header=True, sort_output=True)
    header = HEADER.format(language=LANGUAGES[code], code=code, plural_forms=catalog.plural_forms)
    keep(CATALOGS / f"{code}.po", header.encode() + body.getvalue())


def keep(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def update(code: str) -> None:
    catalog = catalog_of(code)
    catalog.update(template(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    write(catalog, code)


if __name__ == "__main__":
    for each in TRANSLATED:
        update(each)
