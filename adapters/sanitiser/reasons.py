"""The reasons for refusing a file. Owners read them, so each says what to do now."""

import signal

from adapters.sanitiser.refusals import MOST_PAGES, Refusal

NOT_TAKEN = "This kind of file is not accepted. Convert it to a common format and send that."
DAMAGED = (
    "This file is damaged, or its content does not match its type. If your device still opens it, "
    "export or save it again there and send the copy."
)
INTERRUPTED = (
    "The device did not finish writing this recording, so it cannot be played. Open it in the app "
    "that recorded it: some apps repair such files. Then send the repaired one."
)
NOTHING_RECORDED = (
    "The file contains neither pictures nor sound. Look for another recording and send that one."
)
CANNOT_DECODE = (
    "This recording uses a codec that is not supported ({codec}). Convert it on your device to MP4 "
    "with H.264 and AAC, or to M4A for sound alone, and send that."
)
SOUND_LEFT_OUT = (
    "The sound of this film could not be read and was left out. If you need it, convert the film "
    "on your device to MP4 with H.264 and AAC, and send that too."
)
TOO_LONG = "This recording is longer than {hours:g} h. Cut it and send the part that matters."
PICTURES_TOO_LARGE = "The pictures of this film are too large; send a copy of lower resolution."
TOO_MANY_PICTURES = (
    "This film has too many pictures of this size. Send a shorter part of it, or a copy of lower "
    "resolution."
)
TOO_MANY_PAGES = "This document has more than {pages} pages; send it in parts."
TOOK_TOO_LONG = "Making this file safe took too long; send a shorter or smaller file."
NEEDS_MEMORY = "Opening this file needs too much memory; send a smaller one."
RESULT_TOO_LARGE = "The safe version of this file would be too large; send a shorter part of it."

OF_STATUS: dict[int, str] = {
    Refusal.DAMAGED: DAMAGED,
    Refusal.TOO_LARGE: "This picture is too large; send a smaller one.",
    Refusal.TOO_MANY_PAGES: TOO_MANY_PAGES.format(pages=MOST_PAGES),
    Refusal.LOCKED: "This document needs a password; send it without one.",
    Refusal.PAGES_TOO_LARGE: "The pages of this document are too large; send it in parts.",
}
OF_SIGNAL: dict[int, str] = {
    signal.SIGXCPU: TOOK_TOO_LONG,
    signal.SIGXFSZ: RESULT_TOO_LARGE,
    signal.SIGKILL: NEEDS_MEMORY,
}


def of_end(status: int, killed_by: int | None) -> str:
    """Return the reason for the end of a tool, if the file caused it."""
    if killed_by is not None:
        return OF_SIGNAL.get(killed_by, DAMAGED)
    return OF_STATUS.get(status, DAMAGED)
