"""The words of a case's page: what things are called, and how large and long they are."""

from typing import Any

from entrypoints.site.language import _, gettext, language

MEGABYTE = 1_000_000
KILOBYTE = 1_000

PARTIES = {"person": _("Person"), "organisation": _("Organisation")}
ROLES = {
    "author": _("the reporter"),
    "contributor": _("a reader"),
    "moderator": _("a moderator"),
    "party": _("the person named"),
    "system": _("Klarity"),
}
CHANGES = {
    "CaseReported": _("Reported"),
    "EvidenceAttached": _("Evidence sent"),
    "EvidenceAccepted": _("Evidence checked and added"),
    "EvidenceRefused": _("Evidence not accepted"),
    "EvidenceRetracted": _("Evidence taken back"),
    "EvidenceWithheld": _("Evidence hidden"),
    "EvidenceReturned": _("Evidence shown again"),
    "CaseHeld": _("Waits for a time drawn by chance"),
    "CasePublished": _("Made public"),
    "CaseAmended": _("Text changed"),
    "CaseLocated": _("Place added"),
    "LocationRetracted": _("Place taken back"),
    "LocationReturned": _("Earlier place shown again"),
    "CaseTagged": _("Tag added"),
    "CaseUntagged": _("Tag removed"),
    "ContributionProposed": _("Tag or place suggested"),
    "ContributionAccepted": _("Suggestion accepted"),
    "ContributionDeclined": _("Suggestion declined"),
    "ContributionErased": _("Suggestion erased"),
    "PartyAdded": _("Somebody named"),
    "CaseHidden": _("Hidden"),
    "CaseRestored": _("Restored"),
    "CaseWithdrawn": _("Withdrawn"),
}
"""What the timeline tells. Events without words follow from one that has some."""
MISSING = {
    "evidence": _("It needs evidence that can be shown: a photo, a video, a recording or a file."),
    "upload": _("Its evidence has not arrived yet. Please open the report and send it again."),
    "check": _("Its evidence is being made safe. The case becomes public by itself."),
}
PROGRESS = {
    "awaited": _("Being made safe"),
    "accepted": _("Shown in the case"),
    "withheld": _("Hidden by moderators"),
    "refused": _("Not accepted"),
}
NETWORKS = {
    "whatsapp": "WhatsApp",
    "telegram": "Telegram",
    "facebook": "Facebook",
    "x": "X",
    "mastodon": "Mastodon",
    "bluesky": "Bluesky",
    "linkedin": "LinkedIn",
    "email": _("E-mail"),
    "link": _("Copied link"),
    "other": _("Elsewhere"),
}
FLAGGED = {
    "case": _("What is wrong with this case?"),
    "comment": _("What is wrong with this comment?"),
    "party": _("What is wrong with naming them?"),
    "dispute": _("What is wrong with this answer?"),
    "evidence": _("What is wrong with this evidence?"),
}


def word(names: dict[str, str], code: str) -> str:
    """Return the name of a code in the visitor's language, or the code if it has none."""
    return gettext(names.get(code, code))


def weight(item: dict[str, Any]) -> str:
    """Return size and length of evidence, such as "1.2 MB, 0:18", as far as they are known."""
    parts = []
    if size := item.get("size"):
        parts.append(_size(size))
    if duration := item.get("duration"):
        minutes, seconds = divmod(round(duration), 60)
        parts.append(f"{minutes}:{seconds:02}")
    return ", ".join(parts)


def _size(size: int) -> str:
    if size < MEGABYTE:
        return gettext("%(size)s KB", size=language.number(max(1, round(size / KILOBYTE))))
    return gettext("%(size)s MB", size=language.number(round(size / MEGABYTE, 1)))
