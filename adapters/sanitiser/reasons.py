"""Why a file is refused, and what its owner can do now. Owners read these."""

import signal

from adapters.sanitiser.refusals import Refusal

NOT_TAKEN = "This is not a kind of file that we can make safe."
DAMAGED = (
    "This file is damaged, or it is not what it says it is. If your device still opens it, export "
    "or save it again there and send the copy."
)
INTERRUPTED = (
    "This recording broke off before the device had finished writing it, so it cannot be played. "
    "Open it in the app that recorded it: some apps repair such files. Then send the repaired one."
)
NOTHING_RECORDED = (
    "Nothing was recorded: the file has neither pictures nor sound that could be played. Look for "
    "another recording and send that one."
)
CANNOT_DECODE = (
    "We cannot read how this recording is coded ({codec}). Convert it on your device to MP4 with "
    "H.264 and AAC, or to M4A for sound alone, and send that."
)
SOUND_LEFT_OUT = (
    "The sound of this film could not be read and was left out. If it matters, convert the film on "
    "your device to MP4 with H.264 and AAC, and send that too."
)
TOO_LONG = "This recording is longer than {hours:g} h. Cut it and send the part that matters."
PICTURES_TOO_LARGE = "The pictures of this film are too large; send a copy of lower resolution."
TOO_MANY_PICTURES = (
    "This film has too many pictures of this size to make it safe. Send a shorter part of it, or a "
    "copy of lower resolution."
)
TOOK_TOO_LONG = "This took too long to make safe; please send a shorter or smaller file."
NEEDS_MEMORY = "This needs more memory to open than one file may use; please send a smaller one."
RESULT_TOO_LARGE = "What would be shown of this is too large; please send a shorter part of it."

OF_STATUS: dict[int, str] = {
    Refusal.DAMAGED: DAMAGED,
    Refusal.TOO_LARGE: "This picture is too large; please send a smaller one.",
    Refusal.TOO_MANY_PAGES: "This document has more than 200 pages; please send it in parts.",
    Refusal.LOCKED: "This document needs a password; please send it without one.",
    Refusal.PAGES_TOO_LARGE: "The pages of this document are too large; please send it in parts.",
}
OF_SIGNAL: dict[int, str] = {
    signal.SIGXCPU: TOOK_TOO_LONG,
    signal.SIGXFSZ: RESULT_TOO_LARGE,
    signal.SIGKILL: NEEDS_MEMORY,
}


def of_end(status: int, killed_by: int | None) -> str:
    """Return the reason for a tool's end, where it was not our fault."""
    if killed_by is not None:
        return OF_SIGNAL.get(killed_by, DAMAGED)
    return OF_STATUS.get(status, DAMAGED)
