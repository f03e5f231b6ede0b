"""One town for all guesses: its people need some seconds to live."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from dependency_injector import providers

from adapters.credentials.jwt import JwtAccessTokens
from config.container import Container
from config.process import Process
from tests.http.conftest import patient_answers, process
from tests.threats.town import Clock, Town

__all__ = ["patient_answers", "process"]


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    """The clock of all that is made meanwhile. Tokens are read by the time of the machine."""
    clock = Clock()
    tokens = providers.Singleton(
        JwtAccessTokens, Container.keys.provided.tokens, timedelta(days=3650)
    )
    with Container.clock.override(providers.Object(clock)), Container.tokens.override(tokens):
        yield clock


@pytest.fixture(scope="module")
def settings(clock: Clock) -> dict[str, str]:
    return {"EVENT_STORE": "sqlite"}


@pytest.fixture(scope="module")
def town(process: Process, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Town:
    town = Town(process, clock, tmp_path_factory.mktemp("evenings"))
    town.live()
    return town


@pytest.fixture
def copies(town: Town) -> Path:
    return town.copies
