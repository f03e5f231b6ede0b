"""Read the settings from ``KLARITY_*`` environment variables, and check all at start-up."""

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from environs import Env, EnvError, EnvValidationError
from limits import parse_many
from marshmallow import ValidationError, validate

from application.system import (
    COMMAND,
    CONTEXTS,
    MONITOR,
    QUERY,
    SITE,
    Service,
    UnknownService,
    chosen,
    services,
)
from config.buses import BUSES, scheme_of
from config.search import SERVERS, folder_of
from config.secret_files import PREFIX, SUFFIX, read_secret
from entrypoints.address import address, can_be_listened_on
from entrypoints.site.ground import read_street_map

EVENT_STORES = ("sqlite", "mongo", "memory")
READ_MODELS = ("sqlite", "memory", "mongo")
MEDIA = ("filesystem", "gridfs")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
MOST_BYTES = 10**18
"""The largest number that every store can count to."""
SHORTEST_SECRET = 32
MONGO_URL = validate.Regexp(r"^mongodb(\+srv)?://.", error="Must begin with mongodb://")
ADDRESS = validate.Regexp(
    r"^https?://[^/?#\s\"'<>@]+/?$", error="Must be http:// or https://, a host, and no path"
)


class SettingsError(Exception):
    """Some settings are invalid. The message names all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a deployment. ``docs/settings.md`` explains each."""

    host: str
    port: int
    internal_host: str
    internal_port: int | None
    workers: int
    threads: int
    data: Path
    epochs: Path
    services: tuple[Service, ...]
    background: bool
    event_store: str
    read_models: str
    search_url: str = field(repr=False)
    media: str
    mongo_url: str = field(repr=False)
    mongo_database: str
    bus_url: str = field(repr=False)
    bus_prefix: str
    tls_ca: str
    tls_certificate: str
    history_urls: Mapping[str, str]
    secret: str = field(repr=False)
    public_url: str
    leave_url: str
    tiles: Path | None
    api_url: str
    cors_origins: tuple[str, ...]
    proxies: int
    largest_upload: int
    uploads_a_day: int
    upload_bytes_a_day: int
    sanitisers: int
    workrooms: Path
    unconfined_media: bool
    streams: int
    uploads: int
    webhooks_insecure: bool
    alert_webhook: str = field(repr=False)
    rate_limit: str
    sign_in_limit: str
    sign_in_account_limit: str
    sign_in_network_limit: str
    hide_at: float
    log_level: str
    traces_url: str = field(repr=False)
    traces_ratio: float

    @property
    def embedded(self) -> bool:
        """Whether all data stays on this machine, in its data folder."""
        servers = {"mongo", "gridfs"} & {self.event_store, self.read_models, self.media}
        reached = self.has_broker or self.history_urls or self.has_search_server
        return not servers and not reached

    @property
    def has_search_server(self) -> bool:
        """Whether the search index is on a server."""
        return scheme_of(self.search_url) in SERVERS

    @property
    def search_folder(self) -> Path | None:
        """The folder of the search index, if it is not on a server or in memory."""
        if self.search_url:
            return folder_of(self.search_url)
        return None if self.read_models == "memory" else self.data / "search"

    @property
    def searches_in_memory(self) -> bool:
        """Whether no other process can read the search index of this one."""
        return not self.search_url and self.search_folder is None

    @property
    def serves_site(self) -> bool:
        """Whether pages for people are served here."""
        return any(service.kind == SITE for service in self.services)

    @property
    def serves_monitor(self) -> bool:
        """Whether pages for operators are served here, on the internal address."""
        return any(service.kind == MONITOR for service in self.services)

    @property
    def serves_api(self) -> bool:
        """Whether all of the API is served here."""
        ids = {service.id for service in self.services}
        return all(each.id in ids for each in services() if each.kind in (COMMAND, QUERY))

    @property
    def has_broker(self) -> bool:
        """Whether the bus reaches other processes."""
        return scheme_of(self.bus_url) != "memory"

    @property
    def single_process(self) -> bool:
        """Whether the store or the bus can be used by one process only."""
        return self.event_store != "mongo" or not self.has_broker


SECRETS = tuple(setting.name.upper() for setting in fields(Settings) if not setting.repr)
"""The settings that may hold a password, and can be given in a file."""


def read_settings() -> Settings:
    """Return the settings in the environment. Raises SettingsError, which names all faults."""
    env = Env(eager=False, prefix=PREFIX)
    host = env.str("HOST", "127.0.0.1", validate=_can_be_listened_on)
    port = env.int("PORT", 8000, validate=validate.Range(0, 65535))
    data = env.path("DATA", Path("data"), validate=_can_be_a_folder)
    largest_upload = env.int("LARGEST_UPLOAD", 500_000_000, validate=validate.Range(1, MOST_BYTES))
    event_store = env.str("EVENT_STORE", "sqlite", validate=validate.OneOf(EVENT_STORES))
    settings = Settings(
        host=host,
        port=port,
        internal_host=env.str("INTERNAL_HOST", "127.0.0.1", validate=_can_be_listened_on),
        internal_port=env.int("INTERNAL_PORT", None, validate=validate.Range(1, 65535)),
        workers=env.int("WORKERS", 1, validate=validate.Range(1, 64)),
        threads=env.int("THREADS", 8, validate=validate.Range(1, 128)),
        data=data,
        epochs=_epochs(env, data),
        services=_services(env),
        background=env.bool("BACKGROUND", True),
        event_store=event_store,
        read_models=env.str("READ_MODELS", event_store, validate=validate.OneOf(READ_MODELS)),
        search_url=read_secret(env, "SEARCH_URL", validate=_is_search),
        media=env.str("MEDIA", "filesystem", validate=validate.OneOf(MEDIA)),
        mongo_url=read_secret(
            env,
            *("MONGO_URL", "mongodb://127.0.0.1:27017/?replicaSet=rs0"),
            validate=MONGO_URL,
        ),
        mongo_database=env.str("MONGO_DATABASE", "klarity"),
        bus_url=read_secret(env, "BUS_URL", "memory://", validate=_is_bus),
        bus_prefix=env.str("BUS_PREFIX", "klarity", validate=validate.Regexp(r"^[a-z][a-z0-9-]*$")),
        tls_ca=env.str("TLS_CA", "", validate=_has_authorities),
        tls_certificate=env.str("TLS_CERTIFICATE", "", validate=_has_certificate),
        history_urls=_history_urls(env),
        secret=read_secret(env, "SECRET", validate=_is_long_enough),
        public_url=_public_url(env, host, port),
        api_url=env.str("API_URL", "", validate=_is_address_or_empty),
        leave_url=env.str("LEAVE_URL", "https://www.wikipedia.org/", validate=_is_elsewhere),
        tiles=env.path("TILES", None, validate=_is_street_map),
        cors_origins=_origins(env),
        proxies=env.int("PROXIES", 0, validate=validate.Range(0, 10)),
        largest_upload=largest_upload,
        uploads_a_day=env.int("UPLOADS_A_DAY", 200, validate=validate.Range(1, MOST_BYTES)),
        upload_bytes_a_day=env.int(
            "UPLOAD_BYTES_A_DAY",
            max(10_000_000_000, largest_upload or 0),  # an invalid one is None until ``seal``
            validate=validate.Range(1, MOST_BYTES),
        ),
        sanitisers=env.int("SANITISERS", 1, validate=validate.Range(1, 64)),
        workrooms=env.path("WORKROOMS", Path("/dev/shm")),  # noqa: S108 -- a tmpfs, not a fixed name
        unconfined_media=env.bool("UNCONFINED_MEDIA", False),
        streams=env.int("STREAMS", 1000, validate=validate.Range(0, 4096)),
        uploads=env.int("UPLOADS", 64, validate=validate.Range(1, 1024)),
        webhooks_insecure=env.bool("WEBHOOKS_INSECURE", False),
        alert_webhook=read_secret(env, "ALERT_WEBHOOK", validate=_are_webhooks),
        rate_limit=_rate(env, "RATE_LIMIT", "600 per minute"),
        sign_in_limit=_rate(env, "SIGN_IN_LIMIT", "5 per minute; 20 per hour"),
        sign_in_account_limit=_rate(env, "SIGN_IN_ACCOUNT_LIMIT", "100 per hour"),
        sign_in_network_limit=_rate(env, "SIGN_IN_NETWORK_LIMIT", "120 per minute"),
        hide_at=env.float("HIDE_AT", 1.5, validate=validate.Range(min=0.1)),
        log_level=env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(LOG_LEVELS)),
        traces_url=read_secret(env, "TRACES_URL", validate=_is_collector),
        traces_ratio=env.float("TRACES_RATIO", 1.0, validate=validate.Range(0, 1)),
    )
    try:
        env.seal()
    except EnvValidationError as error:
        found = cast(
            "Mapping[str, list[str]]", error.error_messages
        )  # env.seal() groups them by variable
        raise SettingsError(_faults({**found, **_unknown()})) from None
    if faults := {**_unknown(), **_misfits(settings)}:
        raise SettingsError(_faults(faults))
    return settings


def _unknown() -> dict[str, list[str]]:
    """Return the ``KLARITY_*`` variables that are not settings, with a message for each.

    ``KLARITY_TEST_*``, which the tests use, are not reported.
    """
    given = [name.removeprefix(PREFIX) for name in sorted(os.environ) if name.startswith(PREFIX)]
    files = [f"{name}{SUFFIX}" for name in SECRETS]
    known = [*files, *(setting.name.upper() for setting in fields(Settings))]
    unknown = [name for name in given if name not in known and not name.startswith("TEST_")]
    return {f"{PREFIX}{name}": [f"no such setting. {_hint(name, known)}"] for name in unknown}


def _hint(name: str, known: Sequence[str]) -> str:
    found = get_close_matches(name, known, n=1)
    return f"Did you mean {PREFIX}{found[0]}?" if found else "docs/settings.md lists all there are."


def _is_bus(url: str) -> None:
    """Check the URL. The message does not quote it, because it may contain a password."""
    if scheme_of(url) not in BUSES:
        raise ValidationError(f"Must begin with {', '.join(f'{each}://' for each in BUSES)}.")
    if _has_host(url) == (scheme_of(url) == "memory"):
        raise ValidationError(
            "Must have a host, unless it is memory://, and a number as its port, if any. In a user "
            "or password, write special characters as %2F and the like."
        )


def _is_search(url: str) -> None:
    """Check the URL. The message does not quote it, because it may contain a password."""
    on_server = scheme_of(url) in SERVERS and _has_host(url)
    if url and not on_server and folder_of(url) is None:
        raise ValidationError(
            f"Must begin with {', '.join(f'{each}://' for each in SERVERS)}, and have a host; or "
            "be a folder that processes on one machine share, such as file:///data/search."
        )


def _has_host(url: str) -> bool:
    try:
        found = urlsplit(url)
        return bool(found.hostname) and found.port != 0
    except ValueError:
        return False


def _has_authorities(path: str) -> None:
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise ValidationError(f"Must be a PEM file of certificate authorities: {error}.") from error


def _has_certificate(path: str) -> None:
    try:
        if path:
            # An empty password, so that an encrypted file fails instead of asking for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, password="")
    except (OSError, ValueError) as error:
        raise ValidationError(
            f"Must be a PEM file of a certificate and its private key: {error}."
        ) from error


def _can_be_listened_on(host: str) -> None:
    if not can_be_listened_on(host):
        raise ValidationError(f"{host!r} must be an address or name of this machine.")


def _can_be_a_folder(path: Path) -> None:
    places = (path.absolute(), *path.absolute().parents)
    try:
        there = next(each for each in places if each.exists())
    except OSError as error:
        raise ValidationError(f"Must be a folder: {error.strerror}.") from error
    if not there.is_dir():
        raise ValidationError(f"Must be a folder, but {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValidationError(f"{there} cannot be written to.")


def _is_long_enough(secret: str) -> None:
    if 0 < len(secret) < SHORTEST_SECRET:
        raise ValidationError(f"Must have at least {SHORTEST_SECRET} characters.")


def _rate(env: Env, name: str, default: str) -> str:
    return env.str(name, default, validate=_is_rate)


def _is_rate(text: str) -> None:
    try:
        parse_many(text)
    except ValueError as error:
        raise ValidationError("Must be a number and a time, such as 600 per minute.") from error


def _history_urls(env: Env) -> Mapping[str, str]:
    def parse(text: str) -> Mapping[str, str]:
        pairs = [pair.strip().partition("=") for pair in text.split(",") if pair.strip()]
        for log, _, url in pairs:
            if log not in CONTEXTS or not _is_address(url):
                raise EnvError(
                    f"Must be LOG=http://host:port,... with logs of {', '.join(CONTEXTS)}."
                )
        return {log: url.rstrip("/") for log, _, url in pairs}

    env.add_parser("history_urls", parse)
    found: Mapping[str, str] = env.history_urls("HISTORY_URLS", "")
    return found


def _are_webhooks(text: str) -> None:
    """Check the addresses. The message does not quote one, because it may contain a secret."""
    for url in split_addresses(text):
        if not (url.startswith(("http://", "https://")) and _has_host(url)):
            raise ValidationError("Must be https:// addresses, with commas between them.")


def split_addresses(text: str) -> tuple[str, ...]:
    """Return the addresses in a list with commas."""
    return tuple(url.strip() for url in text.split(",") if url.strip())


def _has_plain_address(text: str) -> bool:
    return any(url.startswith("http://") for url in split_addresses(text))


def _is_address(text: str) -> bool:
    try:
        ADDRESS(text)
    except ValidationError:
        return False
    return True


def _is_address_or_empty(text: str) -> None:
    if text:
        ADDRESS(text)


def _is_collector(url: str) -> None:
    """Check the URL. The message does not quote it, because it may contain a password."""
    if url and (scheme_of(url) not in ("http", "https") or not _has_host(url)):
        raise ValidationError(
            "Must be the http:// or https:// address of a collector of OpenTelemetry, with its "
            "path, such as http://localhost:4318/v1/traces."
        )


def _is_elsewhere(url: str) -> None:
    if not url.startswith(("http://", "https://")) or not _has_host(url):
        raise ValidationError("Must begin with https:// or http://, and name a host.")


def _is_street_map(path: Path) -> None:
    try:
        read_street_map(path)
    except (OSError, ValueError) as error:
        raise ValidationError(f"Must be a file in the format PMTiles 3: {error}.") from error


def _origins(env: Env) -> tuple[str, ...]:
    """Return the origins as browsers send them: without a slash at the end."""

    def parse(text: str) -> tuple[str, ...]:
        origins = [origin.strip().rstrip("/") for origin in text.split(",") if origin.strip()]
        for origin in origins:
            if origin != "*" and not _is_address(origin):
                raise EnvError(f"{origin!r} must be an origin such as https://app.example.")
        return tuple(origins)

    env.add_parser("origins", parse)
    found: tuple[str, ...] = env.origins("CORS_ORIGINS", "")
    return found


def _public_url(env: Env, host: str, port: int) -> str:
    # An invalid value is None until ``seal`` reports all faults.
    here = f"http://{address(host or '', port)}"
    return (env.str("PUBLIC_URL", here, validate=ADDRESS) or "").rstrip("/")


def _epochs(env: Env, data: Path | None) -> Path:
    # A faulty value is None until all faults are told.
    given = env.str("EPOCHS", "")
    return Path(given) if given else (data or Path("data")) / "epochs"


def _services(env: Env) -> tuple[Service, ...]:
    def parse(names: str) -> tuple[Service, ...]:
        try:
            return tuple(chosen(names))
        except UnknownService as error:
            raise EnvError(f"no such service: {error}") from error

    env.add_parser("services", parse)
    found: tuple[Service, ...] = env.services("SERVICES", "all")
    return found


def _misfits(settings: Settings) -> dict[str, list[str]]:
    """Return the settings that contradict another one, with a message for each."""
    faults: dict[str, list[str]] = {}
    if not settings.secret and not settings.embedded:
        faults["KLARITY_SECRET"] = [
            f"Must be set, or KLARITY_SECRET_FILE, to at least {SHORTEST_SECRET} characters. Only "
            "an instance that keeps all data in its data folder makes a secret itself."
        ]
    if settings.serves_site and not settings.api_url and not settings.serves_api:
        faults["KLARITY_API_URL"] = [
            "must be given to a process that serves the site without all other services: the "
            "address at which nginx serves them to the site"
        ]
    if settings.event_store == "mongo" and not os.environ.get("KLARITY_EPOCHS"):
        faults["KLARITY_EPOCHS"] = [
            "must be given with the event store mongo: a file that all processes of the instance "
            "share, and that is not lost with a container"
        ]
    if settings.single_process and settings.workers > 1:
        faults["KLARITY_WORKERS"] = [
            "Must be 1: an event store other than mongo and the bus memory:// work in one process "
            "only."
        ]
    if settings.read_models not in ("memory", settings.event_store):
        faults["KLARITY_READ_MODELS"] = [
            f"Must be that of the event store, {settings.event_store}, or memory: read models are "
            "kept where the events are, or in the memory of each process."
        ]
    if settings.search_url and settings.read_models == "memory":
        faults["KLARITY_SEARCH_URL"] = [
            "Must be empty with the read models memory: they forget at each stop what such an "
            "index holds."
        ]
    if not settings.search_url and settings.read_models == "mongo":
        faults["KLARITY_SEARCH_URL"] = [
            "must be given with the read models mongo: a server that all processes reach, or, if "
            "they run on one machine, a folder that they share, such as file:///data/search"
        ]
    if not settings.webhooks_insecure and _has_plain_address(settings.alert_webhook):
        faults["KLARITY_ALERT_WEBHOOK"] = ["Must be https:// addresses: alerts are sent over TLS."]
    if settings.upload_bytes_a_day < settings.largest_upload:
        faults["KLARITY_UPLOAD_BYTES_A_DAY"] = ["Must be at least KLARITY_LARGEST_UPLOAD."]
    return faults


def _faults(messages: Mapping[str, Sequence[str]]) -> str:
    lines = [f"  {name}: {' '.join(texts)}" for name, texts in messages.items()]
    return "These settings are invalid:\n" + "\n".join(lines)
