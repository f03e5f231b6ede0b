"""The container: the only module that imports every adapter. Settings choose among them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from dependency_injector import containers, providers
from dependency_injector.providers import Provider
from prometheus_client import CollectorRegistry

from adapters.backup.mongo import MongoStores
from adapters.backup.sqlite import SqliteStores
from adapters.checkpoints.memory import MemoryCheckpoints
from adapters.checkpoints.mongo import MongoCheckpoints
from adapters.checkpoints.sqlite import SqliteCheckpoints
from adapters.codec.json import JsonCodec
from adapters.codec.personal import PersonalCipher
from adapters.credentials.argon2 import Argon2Passphrases
from adapters.credentials.dispute_links import JwtDisputeLinks
from adapters.credentials.jwt import JwtAccessTokens
from adapters.credentials.memory import MemoryCredentials
from adapters.credentials.mongo import MongoCredentials
from adapters.credentials.sealed import SealedCredentials
from adapters.credentials.sqlite import SqliteCredentials
from adapters.event_store.memory import MemoryEventStore
from adapters.event_store.mongo import MongoEventStore, MongoTail
from adapters.event_store.sqlite import SqliteEventStore
from adapters.history.http import HttpHistory
from adapters.history.in_place import InPlaceHistory
from adapters.history.routed import RoutedHistory
from adapters.key_vault.aliases import VaultAliases
from adapters.key_vault.epochs import EpochFile
from adapters.key_vault.memory import MemoryKeyVault
from adapters.key_vault.mongo import MongoKeyVault
from adapters.key_vault.sqlite import SqliteKeyVault
from adapters.later_erasures.memory import MemoryLaterErasures
from adapters.later_erasures.mongo import MongoLaterErasures
from adapters.later_erasures.sqlite import SqliteLaterErasures
from adapters.leases.memory import MemoryLeases
from adapters.leases.mongo import MongoLeases
from adapters.media_store.filesystem import FilesystemMediaStore
from adapters.media_store.gridfs import GridFsMediaStore
from adapters.media_store.sealed import SealedMediaStore
from adapters.message_bus.authenticated import AuthenticatedBus
from adapters.mongo import connect
from adapters.opaque_texts import SivTexts
from adapters.parked.memory import MemoryParkedEvents
from adapters.parked.mongo import MongoParkedEvents
from adapters.parked.sqlite import SqliteParkedEvents
from adapters.process_lock import ProcessLock, is_in_use
from adapters.read_models.memory import MemoryReadModels
from adapters.read_models.mongo import MongoReadModels
from adapters.read_models.routed import RoutedReadModels
from adapters.read_models.sqlite import SqliteReadModels
from adapters.sanitiser.sandbox import Isolations
from adapters.sanitiser.sandboxed import SandboxedSanitiser
from adapters.spelling.icu import IcuSpelling
from adapters.tls import Tls
from adapters.uploads.memory import MemoryUploads
from adapters.uploads.mongo import MongoUploads
from adapters.uploads.sealed import SealedUploads
from adapters.uploads.sqlite import SqliteUploads
from adapters.webhook_caller.http import HttpWebhookCaller
from adapters.workrooms import Workrooms
from application.engine.answers import Answers
from application.engine.derived_ids import keyed_id
from application.engine.log_seals import LogSeals
from application.engine.projections import Projections
from application.engine.rebuild import Rebuilder, Rebuilds
from application.engine.runtime import Runtime
from application.engine.time_travel import TimeTravel
from application.executors import make_executors
from application.ports.access_tokens import AccessTokens
from application.ports.backup import InstanceStores
from application.ports.checkpoints import Checkpoints
from application.ports.clock import Clock
from application.ports.codec import EventCodec
from application.ports.credentials import Credentials
from application.ports.dispute_links import DisputeLinks
from application.ports.event_store import EventStore
from application.ports.history import History
from application.ports.key_vault import KeyVault
from application.ports.later_erasures import LaterErasures
from application.ports.leases import Leases
from application.ports.media_store import MediaStore
from application.ports.parked import ParkedEvents
from application.ports.passphrases import Passphrases
from application.ports.read_models import ReadModels
from application.ports.search_index import SearchIndex
from application.ports.spelling import Spelling
from application.ports.telemetry import Telemetry
from application.ports.uploads import Uploads
from application.ports.webhook_caller import WebhookCaller
from application.system import CONTEXTS, query_services
from config.buses import open_bus
from config.search import open_search
from config.secrets import derive_keys
from config.settings import Settings
from config.telemetry import Traces, telemetry_of, wire_of
from domain.catalog import EVENTS


class Closable(Protocol):
    def close(self) -> None: ...


def utc_now() -> datetime:
    return datetime.now(UTC)


def closed_after_use(make: Callable[..., Closable], *arguments: Any) -> Iterator[Closable]:
    """Make an object when it is first needed, and close it with the container."""
    made = make(*arguments)
    yield made
    made.close()


def connected(url: str, name: str, tls: Tls) -> Iterator[Any]:
    """Connect to a MongoDB database, and disconnect with the container."""
    database = connect(url, name, tls)
    yield database
    database.client.close()


def in_folder(folder: Path, name: str) -> Path:
    return folder / name


def closing(make: Callable[..., Closable], *arguments: Any) -> providers.Resource[Any]:
    return providers.Resource(closed_after_use, make, *arguments)


def event_stores(kind: Any, path: Any, database: Any, tail: Any, seals: Any) -> providers.Dict:
    """Return a provider of the event stores by log, of the chosen kind."""
    return providers.Dict(
        {
            log: providers.Selector(
                kind,
                memory=providers.Singleton(MemoryEventStore, log, seals),
                sqlite=closing(SqliteEventStore, log, path, seals),
                mongo=closing(MongoEventStore, log, database, tail, seals),
            )
            for log in CONTEXTS
        }
    )


def routed(near: History, far: History, urls: Mapping[str, str]) -> History:
    return RoutedHistory(near, far, urls.keys()) if urls else near


def answers_for(models: ReadModels, history: History, codec: EventCodec) -> dict[str, Answers[Any]]:
    found = {service.name: Answers(service, models, history, codec) for service in query_services()}
    for answers in found.values():
        answers.searcher = found.get(answers.service.searched_by)
    return found


class Container(containers.DeclarativeContainer):
    """Takes ``settings``. Everything else is made when it is first needed."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    clock: Provider[Clock] = providers.Object(utc_now)
    keys = providers.Singleton(derive_keys, settings)
    registry = providers.Singleton(CollectorRegistry)

    _kind = settings.provided.event_store
    _folder = settings.provided.data
    _file = providers.Callable(in_folder, _folder, "klarity.db")
    # A file of its own, because destroying a key empties the file's log, which waits for readers.
    _keys_file = providers.Callable(in_folder, _folder, "keys.db")
    # A file of its own, which can be deleted: it is made again from the logs.
    _models_file = providers.Callable(in_folder, _folder, "models.db")
    _credentials_file = providers.Callable(in_folder, _folder, "credentials.db")
    _media_folder = providers.Callable(in_folder, _folder, "media")
    tls = providers.Singleton(
        Tls, ca=settings.provided.tls_ca, certificate=settings.provided.tls_certificate
    )
    process_lock = closing(ProcessLock, _folder)
    database = providers.Resource(
        connected, settings.provided.mongo_url, settings.provided.mongo_database, tls
    )
    tail = closing(MongoTail, database)

    # Events: keys, encoding and logs
    epochs = providers.Singleton(EpochFile, settings.provided.epochs)
    vault: Provider[KeyVault] = providers.Selector(
        _kind,
        memory=providers.Singleton(MemoryKeyVault),
        sqlite=closing(SqliteKeyVault, _keys_file, keys.provided.vault, epochs),
        mongo=providers.Singleton(MongoKeyVault, database, keys.provided.vault, epochs),
    )
    vault_without_lost_keys: Provider[KeyVault] = providers.Selector(
        _kind,
        memory=vault,
        sqlite=closing(
            partial(SqliteKeyVault, give_up=True), _keys_file, keys.provided.vault, epochs
        ),
        mongo=providers.Singleton(
            MongoKeyVault, database, keys.provided.vault, epochs, give_up=True
        ),
    )
    aliases = providers.Singleton(VaultAliases, vault)
    cipher = providers.Singleton(PersonalCipher, vault, keys.provided.references)
    codec = providers.Singleton(JsonCodec, EVENTS, cipher)
    traces = closing(
        Traces,
        settings.provided.traces_url,
        codec,
        keys.provided.traces,
        settings.provided.traces_ratio,
    )
    telemetry: Provider[Telemetry] = providers.Singleton(telemetry_of, registry, traces)
    wire_format = providers.Singleton(wire_of, traces)
    texts = providers.Singleton(SivTexts, keys.provided.texts)
    seals = providers.Singleton(LogSeals, keys.provided.seals)
    stores: Provider[dict[str, EventStore]] = event_stores(_kind, _file, database, tail, seals)

    # From logs to subscribers
    bus = providers.Singleton(
        AuthenticatedBus,
        closing(open_bus, settings.provided.bus_url, settings.provided.bus_prefix, tls),
        keys.provided.bus,
    )
    history: Provider[History] = providers.Singleton(
        routed,
        providers.Singleton(InPlaceHistory, stores, codec),
        closing(
            HttpHistory, settings.provided.history_urls, keys.provided.services, wire_format, tls
        ),
        settings.provided.history_urls,
    )
    checkpoints: Provider[Checkpoints] = providers.Selector(
        _kind,
        memory=providers.Singleton(MemoryCheckpoints),
        sqlite=closing(SqliteCheckpoints, _file),
        mongo=providers.Singleton(MongoCheckpoints, database),
    )
    later_erasures: Provider[LaterErasures] = providers.Selector(
        _kind,
        memory=providers.Singleton(MemoryLaterErasures),
        sqlite=closing(SqliteLaterErasures, _file),
        mongo=providers.Singleton(MongoLaterErasures, database),
    )
    parked: Provider[ParkedEvents] = providers.Selector(
        _kind,
        memory=providers.Singleton(MemoryParkedEvents),
        sqlite=closing(SqliteParkedEvents, _file),
        mongo=providers.Singleton(MongoParkedEvents, database),
    )
    own_leases = providers.Singleton(MemoryLeases)
    leases: Provider[Leases] = providers.Selector(
        _kind,
        memory=own_leases,
        sqlite=own_leases,
        mongo=providers.Singleton(MongoLeases, database),
    )
    # Into read models in memory or in a file, the serving process alone projects.
    model_leases: Provider[Leases] = providers.Selector(
        settings.provided.read_models, memory=own_leases, sqlite=own_leases, mongo=leases
    )
    models_in_file = closing(SqliteReadModels, _models_file, keys.provided.models, vault, clock)
    own_models: Provider[ReadModels] = providers.Selector(
        settings.provided.read_models,
        memory=providers.Singleton(MemoryReadModels),
        sqlite=models_in_file,
        mongo=closing(MongoReadModels, database),
    )
    search_index: Provider[SearchIndex] = closing(
        open_search,
        settings.provided.search_url,
        settings.provided.bus_prefix,
        settings.provided.search_folder,
        keys.provided.search,
        tls,
    )
    models: Provider[ReadModels] = providers.Singleton(RoutedReadModels, own_models, search_index)

    # Media
    stored_media: Provider[MediaStore] = providers.Selector(
        settings.provided.media,
        filesystem=providers.Singleton(FilesystemMediaStore, _media_folder),
        gridfs=providers.Singleton(GridFsMediaStore, database),
    )
    media: Provider[MediaStore] = providers.Singleton(SealedMediaStore, stored_media, vault)
    isolations = providers.Singleton(Isolations, unconfined=settings.provided.unconfined_media)
    sanitiser = providers.Singleton(SandboxedSanitiser, isolations=isolations)
    workrooms = providers.Singleton(Workrooms, settings.provided.workrooms)
    stored_uploads: Provider[Uploads] = providers.Selector(
        _kind,
        memory=providers.Singleton(MemoryUploads),
        sqlite=closing(SqliteUploads, _file),
        mongo=providers.Singleton(MongoUploads, database),
    )
    upload_states = providers.Singleton(SealedUploads, stored_uploads, keys.provided.uploads)

    # Members: credentials, pseudonyms and tokens
    stored_credentials: Provider[Credentials] = providers.Selector(
        _kind,
        memory=providers.Singleton(MemoryCredentials),
        sqlite=closing(SqliteCredentials, _credentials_file),
        mongo=providers.Singleton(MongoCredentials, database),
    )
    credentials: Provider[Credentials] = providers.Singleton(
        SealedCredentials, stored_credentials, vault, keys.provided.credentials
    )
    passphrases: Provider[Passphrases] = providers.Singleton(Argon2Passphrases)
    spelling: Provider[Spelling] = providers.Singleton(IcuSpelling)
    tokens: Provider[AccessTokens] = providers.Singleton(JwtAccessTokens, keys.provided.tokens)
    dispute_links: Provider[DisputeLinks] = providers.Singleton(
        JwtDisputeLinks, keys.provided.tokens
    )
    webhook_caller: Provider[WebhookCaller] = providers.Singleton(
        HttpWebhookCaller, insecure=settings.provided.webhooks_insecure
    )

    # Backups
    instance_stores: Provider[InstanceStores] = providers.Selector(
        _kind,
        sqlite=providers.Singleton(
            SqliteStores,
            _folder,
            settings.provided.epochs,
            settings.provided.search_folder,
        ),
        mongo=providers.Singleton(
            MongoStores,
            database,
            settings.provided.epochs,
            settings.provided.search_folder,
        ),
    )

    # The engine
    executors = providers.Singleton(make_executors, stores, codec, clock, telemetry)
    answers = providers.Singleton(answers_for, models, history, codec)
    travel = providers.Singleton(TimeTravel, stores, codec)
    projections = providers.Singleton(
        Projections,
        models=models,
        history=history,
        codec=codec,
        wire=wire_format,
        parked=parked,
        telemetry=telemetry,
        keyed=providers.Factory(partial, keyed_id, keys.provided.models),
    )
    # Leases are the process's own where read models are in a file.
    others_project: Provider[Callable[[], bool]] = providers.Selector(
        settings.provided.read_models,
        memory=providers.Object(lambda: False),
        sqlite=providers.Factory(partial, is_in_use, _folder),
        mongo=providers.Object(lambda: False),
    )
    rebuilds = providers.Singleton(Rebuilds, models, clock)
    rebuilder = providers.Singleton(Rebuilder, projections, model_leases, others_project)
    runtime = providers.Singleton(
        Runtime,
        bus=bus,
        history=history,
        wire=wire_format,
        parked=parked,
        leases=leases,
        projections=projections,
        model_leases=model_leases,
    )
