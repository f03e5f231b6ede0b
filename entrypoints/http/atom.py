"""Write cases as an Atom feed (RFC 4287)."""

import re
from collections.abc import Sequence
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from application.queries.case_document import CaseDocument
from entrypoints.http.links import Links

NAMESPACE = "http://www.w3.org/2005/Atom"
LONG_AGO = "1970-01-01T00:00:00+00:00"  # a required date where there is none

# Characters that XML 1.0 cannot contain, even escaped.
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom_feed(
    cases: Sequence[CaseDocument], links: Links, *, identity: str, address: str, further: str
) -> bytes:
    """Return a page of the feed. ``address`` is its own URL, ``further`` the next page's or ""."""
    feed = Element("feed", xmlns=NAMESPACE)
    _add(feed, "id", identity)
    _add(feed, "title", "Klarity: public cases")
    _add(feed, "updated", max((_time(case.updated_at) for case in cases), default=LONG_AGO))
    _add(_add(feed, "author"), "name", "Klarity")
    _add(feed, "link", rel="self", type="application/atom+xml", href=address)
    if further:
        _add(feed, "link", rel="next", type="application/atom+xml", href=further)
    for case in cases:
        _add_entry(feed, case, links)
    content: bytes = tostring(feed, encoding="utf-8", xml_declaration=True)
    return content


def _add_entry(feed: Element, case: CaseDocument, links: Links) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", f"urn:uuid:{case.case_id}")
    _add(entry, "title", case.title)
    _add(entry, "updated", _time(case.updated_at))
    _add(entry, "published", _time(case.published_at))
    if case.author:
        _add(_add(entry, "author"), "name", case.author.pseudonym)
    _add(entry, "link", rel="alternate", type="text/html", href=links.page(case))
    _add(entry, "link", rel="related", type="application/json", href=links.data(case.case_id))
    for term in (case.category, *case.tags):
        _add(entry, "category", term=term)
    _add(entry, "content", case.story, type="text")


def _time(moment: datetime | None) -> str:
    return moment.isoformat() if moment else LONG_AGO


def _add(parent: Element, name: str, text: str = "", **attributes: str) -> Element:
    written = {key: _UNWRITABLE.sub("", value) for key, value in attributes.items()}
    child = SubElement(parent, name, written)
    child.text = _UNWRITABLE.sub("", text)
    return child
