"""Checkpoints in this process, for tests and for logs that end with it."""

from threading import Lock

from application.ports.checkpoints import START, Checkpoint, Fenced


class MemoryCheckpoints:
    """Checkpoints in a dict."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._checkpoints: dict[str, Checkpoint] = {}

    def load(self, name: str) -> Checkpoint:
        return self._checkpoints.get(name, START)

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        with self._lock:
            if checkpoint.revision != self.load(name).revision + 1:
                raise Fenced
            self._checkpoints[name] = checkpoint

    def list(self) -> dict[str, Checkpoint]:
        with self._lock:
            return dict(self._checkpoints)

    def delete(self, name: str) -> None:
        self._checkpoints.pop(name, None)
