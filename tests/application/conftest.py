"""The fixtures of these tests; a module that needs others defines them."""

import pytest

from domain.actors import Actor
from tests.application.community import moderator
from tests.world import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def anna(world: World) -> Actor:
    return world.member("Anna")


@pytest.fixture
def ben(world: World) -> Actor:
    return world.member("Ben")


@pytest.fixture
def mo(world: World) -> Actor:
    return moderator(world)
