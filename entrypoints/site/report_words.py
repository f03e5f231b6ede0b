"""What the scripts of the report page say. ``%(name)s`` is filled in by them."""

from entrypoints.site.language import _

REPORT_WORDS = {
    "draft": _("Draft. It is kept on this phone only."),
    "waiting": _("Waiting for the network. It is sent by itself as soon as there is one."),
    "sending": _("Sending %(done)s of %(total)s MB"),
    "safe": _("Sent. It is being made safe, and becomes public by itself."),
    "later": _("Sent. It becomes public at a random time within the hours that you chose."),
    "public": _("Public. Everybody can read it."),
    "hidden": _("Hidden, or withdrawn. Its page says why."),
    "needs": _("Needs something from you"),
    "untitled": _("Without a title"),
    "copying": _("Being copied into this phone's memory"),
    "copied": _("Ready on this phone"),
    "arrived": _("Arrived"),
    "remove": _("Remove"),
    "retry": _("Try again"),
    "read-case": _("Read it"),
    "sign-in-now": _("Please sign in. Then it is sent by itself; nothing is lost."),
    "other-member": _("Somebody else is signed in. Sign in with the name that wrote this."),
    "no-room": _("This phone has no room for this file. Remove others, or choose a smaller one."),
    "unreadable": _("This file could not be read. Please choose it again."),
    "missing-title": _("Say in a few words what happened."),
    "missing-story": _("Tell what happened."),
    "odd-fields": _("Please look at the marked fields."),
    "no-evidence": _(
        "Add a photo, a recording or a document: until then, you alone can see this case."
    ),
    "rejected-file": _("A file could not be used: %(reason)s"),
    "circle": _(
        "People see this circle: within %(distance)s of %(lat)s, %(lon)s. "
        "The dot is your point; it does not leave this phone."
    ),
    "where": _("Where: %(place)s"),
    "really-wipe": _("Remove all drafts and everything else of Klarity from this phone?"),
    "no-map": _("The map did not load. You can type the place instead."),
    "no-place": _("This phone did not tell where it is. You can type the place instead."),
    "wiped": _("Everything of Klarity is wiped from this phone."),
    "no-storage": _("This browser keeps nothing. Do not close this page before it is sent."),
}
