"""Write the golden copies of new events: ``python -m tests.golden cases.CaseTagged``.

A copy of a released event is never written again: it shows that old events are still readable.
"""

import sys
from pathlib import Path

from tests.application.test_codec import codec, recorded
from tests.golden.events import GOLDEN

FOLDER = Path(__file__).parent / "events"


def write(name: str) -> None:
    if name not in GOLDEN:
        sys.exit(f"add an example of {name} to tests/golden/events.py first")
    event = recorded(GOLDEN[name], codec(), "golden-1")
    (FOLDER / f"{name}.v{event.schema}.json").write_bytes(event.data)


for name in sys.argv[1:]:
    write(name)
