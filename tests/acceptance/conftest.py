"""The deployments that the acceptance suites run on, and the phones that use them."""

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.acceptance.wire import Wiretap, tapped
from tests.media import (
    pdf_with_author,
    phone_photo,
    phone_video,
    photo_with_gps,
    video_with_gps,
)
from tests.system.deployment import (
    KLARITY,
    Klarity,
    MeasuredKlarity,
    Served,
    environment,
    one_process,
    process_per_service,
    relaxed,
    shared_stores,
)
from tests.system.phone import Phone, is_public

Deploy = Callable[[pytest.FixtureRequest, Path], AbstractContextManager[Served]]
ROOT = "Root"
"""The pseudonym of the first admin of each deployment."""


def add_admin(folder: Path, settings: Mapping[str, str]) -> None:
    """Make the first admin, as an operator does: with the command line, before the start."""
    command = [KLARITY, "members", "add", ROOT, "--role", "admin"]
    subprocess.run(
        [*command, "--passphrase", "four plain words here"],
        env=environment({"DATA": str(folder / "data"), **settings}),
        check=True,
    )


@dataclass(frozen=True)
class Tapped(Served):
    """A deployment on a broker, and all that its processes published there."""

    wire: Wiretap


@contextmanager
def alone(folder: Path, kind: type[Klarity], settings: Mapping[str, str]) -> Iterator[Served]:
    add_admin(folder, settings)
    with one_process(folder, kind, **settings) as klarity:
        yield Served(klarity.url, (klarity.internal_url,))


def embedded(_: pytest.FixtureRequest, folder: Path) -> AbstractContextManager[Served]:
    return alone(folder, MeasuredKlarity, relaxed())


@contextmanager
def on_a_broker(folder: Path, settings: Mapping[str, str]) -> Iterator[Tapped]:
    with tapped(settings) as wire, alone(folder, Klarity, settings) as served:
        yield Tapped(served.url, served.internal_urls, wire)


def mongo_and_rabbitmq(
    request: pytest.FixtureRequest, folder: Path
) -> AbstractContextManager[Served]:
    return on_a_broker(folder, on_rabbitmq(request))


def mongo_and_redis(request: pytest.FixtureRequest, folder: Path) -> AbstractContextManager[Served]:
    return on_a_broker(folder, on_redis(request))


def mongo_and_pubsub(
    request: pytest.FixtureRequest, folder: Path
) -> AbstractContextManager[Served]:
    return on_a_broker(folder, on_pubsub(request))


@contextmanager
def a_process_per_service(request: pytest.FixtureRequest, folder: Path) -> Iterator[Served]:
    settings = on_rabbitmq(request)
    with tapped(settings) as wire:
        add_admin(folder, settings)
        with process_per_service(folder, **settings) as served:
            yield Tapped(served.url, served.internal_urls, wire)


def on_rabbitmq(request: pytest.FixtureRequest) -> dict[str, str]:
    url = request.getfixturevalue("rabbitmq_url")
    return shared_stores(request.getfixturevalue("mongo_url"), BUS_URL=url)


def on_redis(request: pytest.FixtureRequest) -> dict[str, str]:
    url, search = (request.getfixturevalue(name) for name in ("redis_url", "redis_search_url"))
    return shared_stores(request.getfixturevalue("mongo_url"), BUS_URL=url, SEARCH_URL=search)


def on_pubsub(request: pytest.FixtureRequest) -> dict[str, str]:
    emulator = request.getfixturevalue("pubsub_url")
    return shared_stores(
        request.getfixturevalue("mongo_url"),
        BUS_URL=f"pubsub://acceptance?emulator={emulator}",
    )


# The one that takes longest comes first, so that nothing waits for it in the end.
DEPLOYMENTS: dict[str, Deploy] = {
    "process-per-service": a_process_per_service,
    "embedded": embedded,
    "mongo+rabbitmq": mongo_and_rabbitmq,
    "mongo+redis": mongo_and_redis,
    "mongo+pubsub": mongo_and_pubsub,
}
FOR_EVERY_TEST = ("process-per-service", "embedded")
"""Together they have every part of Klarity at work. On the others run only the tests that carry the
marker ``every_deployment``, with what of them a bus can break."""


ON_A_BROKER = [name for name in DEPLOYMENTS if name != "embedded"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "served" in metafunc.fixturenames:
        metafunc.parametrize("served", chosen(metafunc), indirect=True, scope="package")


def chosen(metafunc: pytest.Metafunc) -> Iterable[str]:
    """The deployments that a test runs on."""
    if "wire" in metafunc.fixturenames:
        return ON_A_BROKER
    marked = metafunc.definition.get_closest_marker("every_deployment")
    return DEPLOYMENTS if marked else FOR_EVERY_TEST


@pytest.fixture(scope="package")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A running Klarity, of each deployment in turn."""
    folder = tmp_path_factory.mktemp("klarity")
    with DEPLOYMENTS[request.param](request, folder) as running:
        yield running


@pytest.fixture
def wire(served: Tapped) -> Wiretap:
    """All that the deployment has published on its broker."""
    return served.wire


@pytest.fixture(scope="package")
def url(served: Served) -> str:
    """The address that clients use."""
    return served.url


@pytest.fixture
def metrics(served: Served) -> Callable[[], str]:
    """Reads the metrics of all processes."""
    urls = [f"{each}/metrics" for each in served.internal_urls]
    return lambda: "".join(requests.get(url, timeout=60).text for url in urls)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo, a video and a document. They are small: to make evidence safe is most
    of the work of a test."""
    folder = tmp_path_factory.mktemp("media")
    photo_with_gps(folder / "photo.jpg")
    video_with_gps(folder / "video.mp4")
    pdf_with_author(folder / "paper.pdf")
    return folder


@pytest.fixture(scope="session")
def phone_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as large as phones make them; they tell where and with what they were made."""
    folder = tmp_path_factory.mktemp("large-media")
    phone_photo(folder / "photo.jpg")
    phone_video(folder / "video.mp4", seconds=1)
    pdf_with_author(folder / "paper.pdf")
    return folder


@pytest.fixture(scope="module")
def anna(url: str) -> Iterator[Phone]:
    """The reporter. Joining takes long, so that Anna, Ben and Carla stay from test to test."""
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
    """A member without a record; a test may spoil the account."""
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
