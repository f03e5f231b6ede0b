"""The deployments that the acceptance suites run on, and the phones they run through."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.media import pdf_with_author, phone_photo, phone_video
from tests.system.deployment import (
    MeasuredKlarity,
    one_process,
    process_per_service,
    relaxed,
    shared_stores,
)
from tests.system.phone import Phone, is_public

Deploy = Callable[[pytest.FixtureRequest, Path], AbstractContextManager[str]]


@contextmanager
def embedded(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    with one_process(folder, MeasuredKlarity, **relaxed()) as klarity:
        yield klarity.url


@contextmanager
def mongo_and_rabbitmq(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    with one_process(folder, **on_rabbitmq(request)) as klarity:
        yield klarity.url


@contextmanager
def mongo_and_redis(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    with one_process(folder, **on_redis(request)) as klarity:
        yield klarity.url


@contextmanager
def mongo_and_pubsub(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    with one_process(folder, **on_pubsub(request)) as klarity:
        yield klarity.url


@contextmanager
def a_process_per_service(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    with process_per_service(folder, **on_rabbitmq(request)) as url:
        yield url


def on_rabbitmq(request: pytest.FixtureRequest) -> dict[str, str]:
    url = request.getfixturevalue("rabbitmq_url")
    return shared_stores(request.getfixturevalue("mongo_url"), BUS_URL=url)


def on_redis(request: pytest.FixtureRequest) -> dict[str, str]:
    url = request.getfixturevalue("redis_url")
    return shared_stores(request.getfixturevalue("mongo_url"), BUS_URL=url)


def on_pubsub(request: pytest.FixtureRequest) -> dict[str, str]:
    emulator = request.getfixturevalue("pubsub_url")
    return shared_stores(
        request.getfixturevalue("mongo_url"),
        BUS_URL=f"pubsub://acceptance?emulator={emulator}",
    )


DEPLOYMENTS: dict[str, Deploy] = {
    "embedded": embedded,
    "mongo+rabbitmq": mongo_and_rabbitmq,
    "mongo+redis": mongo_and_redis,
    "mongo+pubsub": mongo_and_pubsub,
    "process-per-service": a_process_per_service,
}


@pytest.fixture(scope="package", params=DEPLOYMENTS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running Klarity, of each deployment in turn."""
    folder = tmp_path_factory.mktemp("klarity")
    with DEPLOYMENTS[request.param](request, folder) as address:
        yield address


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo and a video, as large as phones make them, that tell where and with
    what they were made."""
    folder = tmp_path_factory.mktemp("media")
    phone_photo(folder / "photo.jpg")
    phone_video(folder / "video.mp4")
    pdf_with_author(folder / "paper.pdf")
    return folder


@pytest.fixture(scope="module")
def anna(url: str) -> Iterator[Phone]:
    """Who reports. To join is work, so that she, Ben and Carla stay from test to test."""
    with Phone(url) as phone:
        yield phone.join()


@pytest.fixture(scope="module")
def ben(url: str) -> Iterator[Phone]:
    with Phone(url) as phone:
        yield phone.join()


@pytest.fixture(scope="module")
def carla(url: str) -> Iterator[Phone]:
    with Phone(url) as phone:
        yield phone.join()


@pytest.fixture
def newcomer(url: str) -> Iterator[Phone]:
    """Somebody of whom nothing is known yet, and whose account may be spoilt."""
    with Phone(url) as phone:
        yield phone.join()


@pytest.fixture
def passer_by(url: str) -> Iterator[Phone]:
    with Phone(url) as phone:
        yield phone


@pytest.fixture(scope="module")
def photo(anna: Phone, files: Path) -> str:
    """Evidence of Anna's that is available, for all her open cases."""
    evidence = anna.upload(files / "photo.jpg")
    assert anna.evidence_when_decided(evidence)["status"] == "available"
    return evidence


@pytest.fixture
def own_photo(anna: Phone, files: Path) -> str:
    """Evidence of Anna's that backs nothing else, as an anonymous case needs it."""
    return anna.upload(files / "photo.jpg")


@pytest.fixture
def public_case(anna: Phone, photo: str) -> str:
    case_id: str = anna.report(evidence=[photo]).json()["case_id"]
    anna.case_when(case_id, is_public)
    return case_id
