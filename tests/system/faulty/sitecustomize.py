"""Makes a program with a fault of the one that starts: its members cannot show who has one name.

Python imports this first where its folder is on PYTHONPATH.
"""

from typing import Any

from application.queries.members import Members

project: Any = Members.project


def faulty(self: Members, event: Any, rows: Any) -> None:
    if getattr(event, "pseudonym", "") == "Eve":
        raise ValueError("Eve cannot be shown")
    project(self, event, rows)


faulty.__annotations__ = project.__annotations__
Members.project = faulty  # type: ignore[method-assign]  # that is the fault
