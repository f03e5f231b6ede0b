"""What the server asks of the system."""

import resource
from collections.abc import Iterator

import pytest

from config.server import MOST_OPEN_FILES, allow_many_connections


@pytest.fixture
def few_files() -> Iterator[int]:
    """The limit of a service manager: few files by default, more on request."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_server_can_open_as_many_files_as_the_system_permits(few_files: int) -> None:
    allow_many_connections()
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most == few_files
    permitted = MOST_OPEN_FILES if most == resource.RLIM_INFINITY else most
    assert allowed == min(permitted, MOST_OPEN_FILES)
