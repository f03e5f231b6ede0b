"""Render the pages: templates, headers, and the words for what went wrong."""

from secrets import token_urlsafe
from typing import Any

from flask import Flask, Response, render_template, request, session
from markupsafe import Markup

from entrypoints.site.assets import assets
from entrypoints.site.fixed_words import erasure_step, field_error, fixed, rule_title
from entrypoints.site.language import LANGUAGES, language
from entrypoints.site.map import place_map
from entrypoints.site.visit import UNAUTHORIZED, Refused, visit
from entrypoints.site.words import (
    category,
    kind,
    precision,
    reason_words,
    words_for,
    words_of,
)

POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def page(template: str, status: int = 200, **shown: Any) -> Response:
    """Return a page from a template.

    Pages of people who are signed in are not stored anywhere. The others can be kept and checked
    by their ETag.
    """
    return page_of(render_template(template, **shown), status)


def page_of(html: str, status: int = 200) -> Response:
    """Return a page whose HTML was rendered before."""
    reply = kept_if_public(Response(html, status, content_type="text/html; charset=utf-8"))
    reply.vary.update(("Accept-Language", "Cookie"))
    return reply


def kept_if_public(reply: Response) -> Response:
    """Let browsers keep the reply, unless it is for somebody who has a session.

    A session that ended during this request counts: the reply may show what it allowed to see.
    """
    if request.method == "GET" and not session and not session.modified:
        reply.add_etag()
        reply.make_conditional(request)
        reply.headers["Cache-Control"] = "no-cache"
    else:
        reply.headers["Cache-Control"] = "no-store"
    return reply


def protect(reply: Response) -> Response:
    """Add the headers that keep what a page shows within it."""
    reply.headers.setdefault("Content-Security-Policy", POLICY)
    reply.headers.setdefault("Referrer-Policy", "no-referrer")
    reply.headers.setdefault("X-Frame-Options", "DENY")
    # The form of a report may ask for the place, and open the camera.
    reply.headers.setdefault("Permissions-Policy", "geolocation=(self), camera=(self)")
    return reply


def prepare_templates(app: Flask, public_url: str, leave_url: str) -> None:
    """Give all templates what they share."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.add_extension("jinja2.ext.i18n")
    env.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        _gettext,
        _ngettext,
        newstyle=True,
    )
    env.filters.update(
        said=said,
        ago=ago,
        day=day,
        number=number,
        category=category,
        kind=kind,
        precision=precision,
        fixed=fixed,
        field_error=field_error,
        reason=reason_words,
        rule_title=rule_title,
        erasure_step=erasure_step,
    )
    env.globals.update(
        asset=assets().url,
        language=language,
        languages=LANGUAGES,
        visit=visit,
        words_for=words_for,
        words_of=words_of,
        paragraphs=paragraphs,
        new_key=lambda: token_urlsafe(16),
        place_map=place_map,
        public_url=public_url,
        leave_url=leave_url,
    )


def _gettext(message: str) -> str:
    return language.gettext(message)


def _ngettext(one: str, many: str, number: int) -> str:
    return language.ngettext(one, many, number)


def number(value: float) -> str:
    return language.number(value)


def said(text: str) -> Markup:
    """Return what a person wrote, so that its direction does not change what is around it."""
    return Markup('<bdi dir="auto">{}</bdi>').format(text)


def ago(moment: str) -> Markup:
    """Return how long ago it was; the full time is shown on demand."""
    full, short = language.moment(moment), language.ago(moment)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment, full, short)


def day(value: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(value[:10], language.day(value))


def refused_page(refused: Refused) -> Response:
    """Return the page for what the API refused: one sentence, and a way on."""
    if refused.status == UNAUTHORIZED:
        where = request.full_path.rstrip("?") if request.method == "GET" else "/"
        return page("account/sign_in.html", 401, form={"next": where}, refused=None)
    reply = page("errors/refused.html", refused.status, refused=refused)
    if refused.retry_after:
        reply.headers["Retry-After"] = refused.retry_after
    return reply


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text: parts between empty lines."""
    lines = "\n".join(line.strip() for line in text.splitlines())
    return [part for each in lines.split("\n\n") if (part := each.strip("\n"))]
