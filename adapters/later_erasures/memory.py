"""What is to be erased later, in this process."""

from datetime import datetime


class MemoryLaterErasures:
    """Entries in a dict."""

    def __init__(self) -> None:
        self._entries: dict[str, datetime] = {}

    def add(self, entry: str, due: datetime) -> None:
        self._entries.setdefault(entry, due)

    def due(self, now: datetime) -> list[str]:
        waiting = sorted(self._entries.items(), key=lambda item: item[1])
        return [entry for entry, due in waiting if due <= now]

    def move(self, entry: str, due: datetime) -> None:
        if entry in self._entries:
            self._entries[entry] = due

    def remove(self, entry: str) -> None:
        self._entries.pop(entry, None)
