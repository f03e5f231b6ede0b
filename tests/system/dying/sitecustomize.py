"""Kill the process after a number of writes to the read models, as DIES_AFTER says."""

import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any

from adapters.read_models.mongo import MongoReadModel, MongoReadModels
from adapters.read_models.sqlite import SqliteReadModel, SqliteReadModels

WRITES = {
    SqliteReadModels: ("begin", "save_rebuild"),
    MongoReadModels: ("begin", "save_rebuild"),
    SqliteReadModel: ("commit", "drop"),
    MongoReadModel: ("commit", "drop"),
}
written = count(1)


def followed_by_death(write: Callable[..., Any]) -> Callable[..., Any]:
    def writing(*arguments: Any, **named: Any) -> Any:
        result = write(*arguments, **named)
        if next(written) == int(os.environ["DIES_AFTER"]):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return writing


for kind, names in WRITES.items():
    for name in names:
        setattr(kind, name, followed_by_death(getattr(kind, name)))
