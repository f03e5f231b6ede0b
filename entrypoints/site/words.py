"""What went wrong, in the words of the site: short, without blame, and with a way on."""

from collections.abc import Mapping
from typing import Any

from entrypoints.site.language import _, gettext
from entrypoints.site.visit import Refused

WORDS = {
    "not-signed-in": _("Please sign in to do this."),
    "forbidden": _("Your account cannot do this."),
    "suspended": _("Your membership is suspended. You can appeal, and read as before."),
    "wrong-passphrase": _("This is not your passphrase. Please try again."),
    "bad-link": _("This link does not work any more. Please ask a moderator for another one."),
    "not-found": _("There is nothing at this address, or it is not public."),
    "erased": _("This was removed at its author's wish."),
    "stale": _("This was changed meanwhile. Please look at it again."),
    "too-large": _("This is too large to be sent."),
    "unsupported-media-type": _(
        "Klarity cannot read this kind of file. A photo, a film, a recording or a PDF is fine."
    ),
    "pseudonym-taken": _("This name, or one that looks like it, is in use. Please choose another."),
    "bad-passphrase": _("A passphrase needs at least 8 characters: four plain words do."),
    "too-many-requests": _("Too much at once. Please wait a moment and try again."),
    "upload-quota-reached": _("You have sent all you can send today. Please go on tomorrow."),
    "locked": _("Moderators locked this discussion."),
    "already-disputed": _("This link was used already. Please ask a moderator for another one."),
    "too-many-disputes": _("All answers that can be given here were given."),
    "withdrawn": _("Its author withdrew this case, so it cannot change any more."),
    "already-flagged": _("You have reported this already. A moderator will look at it."),
    "own-case": _("This is your own case."),
    "nothing-to-decide": _("Another moderator has decided meanwhile, or this is so already."),
    "appeal-pending": _("Its author appealed meanwhile. Decide on the appeal instead."),
    "settled-on-appeal": _("An appeal restored this. It stays until somebody reports it again."),
    "same-moderator": _("You decided here before. Another moderator has to decide this."),
    "not-oneself": _("This is about you or a case of yours. Another moderator has to decide it."),
    "already-resolved": _("Another moderator has decided on this appeal meanwhile."),
    "superseded": _("Another decision has replaced this one meanwhile."),
    "already-appealed": _("You have appealed already. You are told when a moderator has decided."),
    "already-answered": _("You have answered already. A moderator reads it before they decide."),
    "nothing-to-answer": _("No reports hide this now. Against a decision you can appeal."),
    "nothing-to-appeal": _("There is nothing to appeal against: it hides nothing of yours."),
    "too-many-flags": _("You have many open reports. Please wait until one of them is decided."),
    "own-subject": _("This is your own. You can change it or remove it."),
    "bad-pseudonym": _(
        "A name here has 3 to 40 letters or digits of one alphabet, with spaces, hyphens, full "
        "stops or apostrophes between them. It does not sound like a moderator."
    ),
    "already-registered": _("This was sent already."),
    "already-reported": _("This was sent already."),
    "already-written": _("This was sent already."),
    "already-named": _("This was sent already."),
    "already-decided": _("This was sent already."),
    "already-received": _("This was sent already."),
    "idempotency-key-reused": _("This was sent already. To send something else, reload the page."),
    "evidence-taken": _("A file of an anonymous case serves no other one. Please send it again."),
    "too-many-citations": _("This file serves many cases already. Please send it again."),
    "evidence-rejected": _("This file could not be used. Please choose another one."),
    "not-own-evidence": _("Somebody else sent this file. Please use one of your own."),
    "evidence-retracted": _("This file was taken back from the case. Please send it again."),
    "too-much-evidence": _("A case takes no more evidence than this. Please take some back first."),
    "too-many-changes": _("This case was changed as often as a case can be."),
    "too-many-proposals": _("You have many open suggestions. Please take one back first."),
    "too-many-tags": _("A case has no more tags than this. Please remove one first."),
    "delay-needs-anonymity": _("Only an anonymous case can be published later."),
    "unknown-rule": _("Please choose one of the rules."),
    "malformed": _("This did not arrive as it was sent. Please try again."),
    "wrong-offset": _("A part of the file got lost on its way. Please send it again."),
    "checksum-mismatch": _("A part of the file got lost on its way. Please send it again."),
    "too-slow": _("This took too long to arrive. Please send it again."),
    "damaged": _("This was damaged where it is stored, and is not shown."),
    "outdated": _("A part of Klarity is away. Please try again shortly."),
    "invalid": _("Something is missing or too long. Please look at the fields again."),
    "conflict": _("Others changed this at the same time. Please try again."),
    "internal": _("Something broke on our side. Please try again later."),
    "unavailable": _("A part of Klarity is away. Please try again shortly."),
    "not-caught-up": _("Your change is saved, and will be shown in a moment. Please reload."),
    "too-busy": _("Many people are sending something now. Please try again shortly."),
}

CATEGORIES = {
    "bribery": _("Bribery"),
    "extortion": _("Extortion"),
    "embezzlement": _("Embezzlement"),
    "favouritism": _("Favouritism"),
    "fraud": _("Fraud"),
    "abuse_of_power": _("Abuse of power"),
    "other": _("Something else"),
}
KINDS = {
    "photo": _("Photo"),
    "video": _("Video"),
    "audio": _("Recording"),
    "document": _("Document"),
}
PRECISIONS = {
    "street": _("within about 100 metres"),
    "neighbourhood": _("within about 1 kilometre"),
    "city": _("within about 10 kilometres"),
    "region": _("within about 100 kilometres"),
}

REASONS = {
    "popular": _("Matters to many people now."),
    "similar": _("Many people who take part in “%(about)s” take part in it, too."),
    "followed_tag": _("You follow “%(about)s”."),
    "followed_area": _("In an area that you follow."),
    "shared_tag": _("You take part in other cases about “%(about)s”."),
    "same_area": _("Near “%(about)s”, where you take part."),
    "same_organisation": _("It names %(about)s, as another case does in which you take part."),
}
"""Why a case is recommended, by the kind of reason."""
SEARCH_WORDS = {
    "q": _("Please write other words."),
    "category": _("Please choose one of these."),
    "tag": _("Please write another tag."),
    "party": _("A name has at most 120 characters."),
    "since": _("Please choose a day, such as 2026-03-31."),
    "until": _("Please choose a day, such as 2026-03-31."),
    "bbox": _("This was no part of a map, and is left out now."),
    "near": _("This was no place, and is left out now."),
    "within_km": _("Please choose between 0.1 and 2,000 kilometres."),
}
"""What is wrong with a field of the search."""


def reason_words(reason: Mapping[str, Any]) -> str:
    """Return why a case is recommended, in the visitor's language."""
    known = REASONS.get(reason["kind"])
    return gettext(known, about=reason["about"]) if known else str(reason["text"])


def category(code: str) -> str:
    """Return the name of a category, in the visitor's language."""
    return gettext(CATEGORIES.get(code, code))


def kind(code: str) -> str:
    """Return the name of a kind of evidence, in the visitor's language."""
    return gettext(KINDS.get(code, code))


def precision(code: str) -> str:
    """Return how precise a place is, in the visitor's language."""
    return gettext(PRECISIONS.get(code, code))


def words_for(refused: Refused) -> str:
    """Return one sentence about the problem, in the visitor's language if it is a known one."""
    return words_of(refused.code, refused.detail)


def words_of(code: str, otherwise: str = "") -> str:
    """Return one sentence about the problem with the code."""
    return gettext(WORDS[code]) if code in WORDS else otherwise or gettext(WORDS["internal"])
