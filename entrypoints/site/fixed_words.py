"""What the API says in fixed English words, in the language of the visitor."""

from entrypoints.site.language import _, gettext, language, template_of
from entrypoints.site.visit import visit

FIELD_ERRORS = {
    "Missing data for required field.": _("Please fill this in."),
    "Field may not be null.": _("Please fill this in."),
    "Length must be between 1 and {max}.": _("Please write something, at most {max} characters."),
    "Length must be between {min} and {max}.": _("Please write {min} to {max} characters."),
    "Longer than maximum length {max}.": _("Please write at most {max} characters."),
    "Shorter than minimum length {min}.": _("Please write at least {min} characters."),
    "Must be greater than or equal to {min} and less than or equal to {max}.": _(
        "Please write a number from {min} to {max}."
    ),
    "Not a valid number.": _("Please write a number."),
    "Not a valid date.": _("Please choose a date."),
    "Not a valid UUID.": _("Please choose one of these."),
    "Must be one of: {choices}.": _("Please choose one of these."),
    "Must be one line that can be seen, and neither starts nor ends with a space.": _(
        "Please write a single line, without spaces around it."
    ),
    "Contains a character that cannot be stored; remove it.": _(
        "There is a character in it that cannot be kept. Please remove it."
    ),
}
"""What marshmallow says is wrong with a field, and what the site says."""
ERASURE_STEPS = {
    "cases": _("Your cases"),
    "discussions": _("Your comments"),
    "evidence": _("Your evidence"),
    "members": _("Your account"),
    "moderation": _("What you reported and appealed"),
    "operations": _("What you did as an operator"),
    "aliases": _("What ties you to your anonymous cases"),
}
OTHERWISE = _("Please look at this again.")
_TEMPLATES = {template_of(message): ours for message, ours in FIELD_ERRORS.items()}


def fixed(text: str) -> str:
    """Return the title of a rule, the reason of a refusal or another fixed text, translated."""
    return language.fixed(text)


def rule_title(rule_id: str) -> str:
    """Return the title of a rule, or its id if it is one of before."""
    return fixed(next((r["title"] for r in visit.rules if r["rule_id"] == rule_id), rule_id))


def erasure_step(name: str) -> str:
    """Return what a step of an erasure is about."""
    return gettext(ERASURE_STEPS.get(name, name))


def field_error(text: str) -> str:
    """Return what is wrong with a field: short, and with what to do."""
    return _of_field(text) or gettext(OTHERWISE)


def in_words(text: str) -> str:
    """Return what the API says in fixed words, of a field or otherwise."""
    return _of_field(text) or fixed(text)


def _of_field(text: str) -> str:
    for template, ours in _TEMPLATES.items():
        if found := template.fullmatch(text):
            return gettext(ours).format(**found.groupdict())
    return ""
