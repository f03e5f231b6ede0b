"""Read the settings from ``KLARITY_*`` environment variables, and check all at start-up."""

import os
import socket
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

from application.system import CONTEXTS, SITE, Service, UnknownService, chosen, services
from config.buses import BUSES, scheme_of
from entrypoints.site.ground import read_street_map

PREFIX = "KLARITY_"
EVENT_STORES = ("sqlite", "mongo", "memory")
READ_MODELS = ("memory", "mongo")
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
    rate_limit: str
    sign_in_limit: str
    sign_in_account_limit: str
    sign_in_network_limit: str
    hide_at: float
    log_level: str

    @property
    def embedded(self) -> bool:
        """Whether all data stays on this machine, in its data folder."""
        servers = {"mongo", "gridfs"} & {self.event_store, self.read_models, self.media}
        return not servers and not self.has_broker and not self.history_urls

    @property
    def serves_site(self) -> bool:
        """Whether pages for people are served here."""
        return any(service.kind == SITE for service in self.services)

    @property
    def has_broker(self) -> bool:
        """Whether the bus reaches other processes."""
        return scheme_of(self.bus_url) != "memory"

    @property
    def single_process(self) -> bool:
        """Whether the store or the bus can be used by one process only."""
        return self.event_store != "mongo" or not self.has_broker


def read_settings() -> Settings:
    """Return the settings in the environment. Raises SettingsError, which names all faults."""
    env = Env(eager=False, prefix=PREFIX)
    host = env.str("HOST", "127.0.0.1", validate=_can_be_listened_on)
    port = env.int("PORT", 8000, validate=validate.Range(0, 65535))
    data = env.path("DATA", Path("data"), validate=_can_be_a_folder)
    largest_upload = env.int("LARGEST_UPLOAD", 500_000_000, validate=validate.Range(1, MOST_BYTES))
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
        event_store=env.str("EVENT_STORE", "sqlite", validate=validate.OneOf(EVENT_STORES)),
        read_models=env.str("READ_MODELS", "memory", validate=validate.OneOf(READ_MODELS)),
        media=env.str("MEDIA", "filesystem", validate=validate.OneOf(MEDIA)),
        mongo_url=env.str(
            *("MONGO_URL", "mongodb://127.0.0.1:27017/?replicaSet=rs0"),
            validate=MONGO_URL,
        ),
        mongo_database=env.str("MONGO_DATABASE", "klarity"),
        bus_url=env.str("BUS_URL", "memory://", validate=_is_bus),
        bus_prefix=env.str("BUS_PREFIX", "klarity", validate=validate.Regexp(r"^[a-z][a-z0-9-]*$")),
        tls_ca=env.str("TLS_CA", "", validate=_has_authorities),
        tls_certificate=env.str("TLS_CERTIFICATE", "", validate=_has_certificate),
        history_urls=_history_urls(env),
        secret=_secret(env),
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
        rate_limit=_rate(env, "RATE_LIMIT", "600 per minute"),
        sign_in_limit=_rate(env, "SIGN_IN_LIMIT", "5 per minute; 20 per hour"),
        sign_in_account_limit=_rate(env, "SIGN_IN_ACCOUNT_LIMIT", "100 per hour"),
        sign_in_network_limit=_rate(env, "SIGN_IN_NETWORK_LIMIT", "120 per minute"),
        hide_at=env.float("HIDE_AT", 1.5, validate=validate.Range(min=0.1)),
        log_level=env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(LOG_LEVELS)),
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
    known = ["SECRET_FILE", *(setting.name.upper() for setting in fields(Settings))]
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
    try:
        socket.getaddrinfo(host, None, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ValidationError(f"{host!r} must be an address or name of this machine.") from error


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


def _is_address(text: str) -> bool:
    try:
        ADDRESS(text)
    except ValidationError:
        return False
    return True


def _is_address_or_empty(text: str) -> None:
    if text:
        ADDRESS(text)


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
    here = f"http://[{host}]:{port}" if ":" in (host or "") else f"http://{host}:{port}"
    return (env.str("PUBLIC_URL", here, validate=ADDRESS) or "").rstrip("/")


def _secret(env: Env) -> str:
    """Return the secret, which is given directly or in a file."""

    def read(path: str) -> str:
        try:
            secret = Path(path).read_text().strip() if path else ""
        except (OSError, ValueError) as error:
            raise EnvError(f"Cannot be read: {error}") from error
        if path and len(secret) < SHORTEST_SECRET:
            raise EnvError(f"Must have at least {SHORTEST_SECRET} characters.")
        return secret

    env.add_parser("secret_file", read)
    in_file: str = env.secret_file("SECRET_FILE", "")
    return env.str("SECRET", "", validate=_is_long_enough) or in_file


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
    if settings.serves_site and not settings.api_url and len(settings.services) < len(services()):
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
    if settings.event_store != "mongo" and settings.read_models == "mongo":
        faults["KLARITY_READ_MODELS"] = [
            "Must be memory: mongo read models need the mongo event store."
        ]
    if settings.upload_bytes_a_day < settings.largest_upload:
        faults["KLARITY_UPLOAD_BYTES_A_DAY"] = ["Must be at least KLARITY_LARGEST_UPLOAD."]
    return faults


def _faults(messages: Mapping[str, Sequence[str]]) -> str:
    lines = [f"  {name}: {' '.join(texts)}" for name, texts in messages.items()]
    return "These settings are invalid:\n" + "\n".join(lines)
