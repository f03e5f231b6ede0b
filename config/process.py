"""Put one process of Klarity together by its settings, start it and stop it."""

import logging
import os
from collections.abc import Callable
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from prometheus_client import ProcessCollector, generate_latest

from adapters.log_lines import log_as_json
from application.engine.announcing import SECONDS as ANNOUNCE_SECONDS
from application.engine.announcing import TOPIC, Announcer
from application.engine.log_sealer import LogSealer
from application.engine.policy import Policy, PolicySubscriber
from application.engine.pool import PooledPolicySubscriber
from application.engine.relay import Relay
from application.engine.runtime import Runtime
from application.engine.ticker import Ticker
from application.engine.waiting import Waiting
from application.ports.sanitiser import SanitiserUnavailable
from application.system import COMMAND, QUERY, policy_types, query_services
from application.use_cases.operations.overview import Overview
from application.use_cases.operations.watch import SECONDS as WATCH_SECONDS
from config.container import Container
from config.contracts import asyncapi, openapi
from config.internal import InternalListener
from config.resources import Resources
from config.secret_files import warn_of_readable_files
from config.settings import SECRETS, Settings
from config.siblings import FOLDER, Siblings
from config.use_cases import UseCases
from entrypoints.http.app import Shared, create_app
from entrypoints.http.asyncapi import asyncapi_blueprint
from entrypoints.http.attempts import Attempts
from entrypoints.http.docs import docs_blueprint
from entrypoints.http.event_page import event_page_blueprint
from entrypoints.http.internal import create_internal_app
from entrypoints.metrics import RuntimeCollector, SecurityCollector, UploadsCollector
from entrypoints.monitor.access import Access, is_loopback
from entrypoints.monitor.monitor import beside as beside_internal
from entrypoints.monitor.monitor import create_monitor
from entrypoints.monitor.tools import MonitorTools
from entrypoints.site.api import Api, ApiInProcess, ApiOverHttp
from entrypoints.site.kept import KeptPages
from entrypoints.site.site import SiteSettings, beside, create_site

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)


class RestoreUnfinished(Exception):
    """A restore was interrupted, so the stores hold a part of a backup only."""

    def __init__(self) -> None:
        super().__init__(
            "A restore was interrupted, so a part of the data is missing: restore it again."
        )


class Process:
    """Owns a container. The constructor raises InUse if another process uses the data folder, and
    StoreMisconfigured if a store does not meet the requirements.

    A process that is not ``alone`` runs commands of the operator. It may use the files of an
    embedded store at the same time as the serving process. Only one that is ``restoring`` may start
    while a restore is not finished; others raise RestoreUnfinished.
    """

    def __init__(self, settings: Settings, *, alone: bool = True, restoring: bool = False) -> None:
        log_as_json(settings.log_level)
        warn_of_readable_files(SECRETS)
        self.settings = settings
        self.container = Container(settings=settings)
        if alone and settings.single_process:
            self.container.process_lock()
        if not restoring:
            self._refuse_unfinished_restore()
        self.container.keys()
        if settings.event_store == "mongo":
            self.container.database()
        self.use_cases = UseCases(self.container)
        self.container.registry().register(SecurityCollector(self.use_cases.security))
        self.container.registry().register(ProcessCollector(registry=None))
        self._listener: InternalListener | None = None
        self._tickers: list[Ticker] = []
        self._siblings: Siblings | None = None

    def _refuse_unfinished_restore(self) -> None:
        stored = self.settings.event_store != "memory"
        if stored and self.container.instance_stores().is_restoring():
            self.container.shutdown_resources()
            raise RestoreUnfinished

    @cached_property
    def wsgi(self) -> "WSGIApplication":
        """The WSGI application of the chosen services. A process may serve the site alone."""
        if not self.settings.serves_site:
            return self.app
        site = KeptPages(self.site)
        return site if len(self.settings.services) == 1 else beside(self.app, site)

    @cached_property
    def site(self) -> Flask:
        """The WSGI application of the site."""
        settings = SiteSettings(
            public_url=self.settings.public_url,
            leave_url=self.settings.leave_url,
            tiles=self.settings.tiles,
            key=self.container.keys().site,
            proxies=self.settings.proxies,
        )
        return create_site(self._api(), settings, self.container.workrooms().room)

    def _api(self) -> Api:
        """Return the API that the site asks."""
        if not self.settings.api_url:
            return ApiInProcess(self.app)
        tls = self.container.tls()
        return ApiOverHttp(
            self.settings.api_url, proxies=self.settings.proxies, ca=tls.ca, cert=tls.certificate
        )

    @cached_property
    def app(self) -> Flask:
        """The WSGI application of the API of the chosen services."""
        self.container.registry().register(UploadsCollector(self.use_cases.receive_uploads))
        documents = (
            docs_blueprint(partial(openapi, self.settings)),
            asyncapi_blueprint(asyncapi),
            event_page_blueprint(asyncapi),
        )
        return create_app(self._shared(), [*self._resources.blueprints(), *documents])

    @cached_property
    def internal_app(self) -> Flask:
        """The WSGI application of operators and other services."""
        loopback = is_loopback(self.settings.internal_host)
        token = self.container.keys().services
        return create_internal_app(self._resources.internal(), token, loopback=loopback)

    @cached_property
    def internal_wsgi(self) -> "WSGIApplication":
        """The WSGI application of the internal address: with the monitor, if it is served here."""
        if not self.settings.serves_monitor:
            return self.internal_app
        return beside_internal(self.internal_app, self.monitor)

    @cached_property
    def monitor(self) -> Flask:
        """The WSGI application of the pages for operators."""
        tools = self.monitor_tools(self.use_cases.watch.overview)
        loopback = is_loopback(self.settings.internal_host)
        access = Access(self.use_cases.accounts, self._attempts, loopback=loopback)
        return create_monitor(tools, access, self.container.keys().monitor)

    def monitor_tools(self, overview: Callable[[], Overview]) -> MonitorTools:
        """Return what the pages for operators ask and do."""
        use_cases, container = self.use_cases, self.container
        return MonitorTools(
            overview=overview,
            parked=container.parked(),
            history=container.history(),
            handlers=use_cases.handlers,
            intervene=use_cases.intervene,
            open_events=use_cases.open_events,
            follow=use_cases.follow_command,
            interventions=container.answers()["interventions"],
            alerts=container.answers()["alerts"],
            rebuilds=container.rebuilds(),
        )

    @cached_property
    def _resources(self) -> Resources:
        return Resources(self.container, self.use_cases, self._warnings, self._exposition)

    @cached_property
    def runtime(self) -> Runtime:
        """The relays, policies and projections of the chosen services."""
        runtime = self.container.runtime()
        for service in self.settings.services:
            if service.kind == COMMAND:
                self._add_relay(runtime, service.name)
                self._add_policies(runtime, service.name)
        self._add_queries(runtime)
        self._add_workers(runtime)
        self._add_chores(runtime)
        self.container.registry().register(self._of_runtime(runtime))
        return runtime

    def _exposition(self) -> bytes:
        """Return the metrics of this process and of those that share its internal address."""
        return self._siblings.exposition() if self._siblings else self._own_exposition()

    def _own_exposition(self) -> bytes:
        return generate_latest(self.container.registry())

    def _of_runtime(self, runtime: Runtime) -> RuntimeCollector:
        container = self.container
        waiting = Waiting(container.history())
        return RuntimeCollector(runtime, waiting, container.parked(), container.bus().refused)

    def start(self) -> None:
        """Log the warnings, and start the background work."""
        for what, warning in self._warnings().items():
            log.error("%s: %s", what, warning)
        self.runtime.start()

    def announce(self) -> None:
        """Announce this process to monitors, and watch all processes if this is a monitor."""
        if self.settings.serves_monitor:
            sightings, watch = self.use_cases.sightings, self.use_cases.watch
            self.container.bus().listen(TOPIC, sightings.hear)
            self._tickers.append(Ticker("watch", watch.step, WATCH_SECONDS))
        self._tickers.append(Ticker("announcer", self._announcer.announce, ANNOUNCE_SECONDS))
        for ticker in self._tickers:
            ticker.start()

    @cached_property
    def _announcer(self) -> Announcer:
        return Announcer(
            self.container.runtime(),
            self.container.bus(),
            services=[service.id for service in self.settings.services],
            version=version("klarity"),
            started_at=self.container.clock()(),
        )

    def listen(self, port: int) -> None:
        """Serve the internal application and the monitor on their address. Raises CannotListen."""
        if folder := os.environ.get(FOLDER):
            self._siblings = Siblings(Path(folder), str(os.getpid()), self._own_exposition)
        self._listener = InternalListener(self.internal_wsgi, self.settings.internal_host, port)

    def end_streams(self) -> None:
        """End the endless replies."""
        self.use_cases.updates.stop()

    def close(self) -> None:
        """Finish the current steps, and release all resources."""
        for part in (self._listener, self._siblings):
            if part:
                part.close()
        for ticker in self._tickers:
            ticker.stop()
        if self._tickers:
            self._announcer.leave()
        if "runtime" in self.__dict__:
            self.runtime.stop()
        self.container.shutdown_resources()

    def _add_relay(self, runtime: Runtime, log: str) -> None:
        container = self.container
        store = container.stores()[log]
        relay = Relay(
            store,
            container.codec(),
            container.wire_format(),
            container.bus(),
            container.checkpoints(),
            telemetry=container.telemetry(),
        )
        runtime.add_relay(relay, store)
        runtime.add_sealer(LogSealer(store, container.seals()))

    def _add_policies(self, runtime: Runtime, context: str) -> None:
        for kind in policy_types():
            if kind.service == context:
                subscriber = self._subscriber(kind(self.use_cases.policy_dependencies))
                subscriber.telemetry = self.container.telemetry()
                runtime.add_policy(subscriber)

    def _subscriber(self, policy: Policy[Any]) -> PolicySubscriber:
        container = self.container
        if not policy.slow:
            return PolicySubscriber(policy, container.codec(), container.checkpoints())
        return PooledPolicySubscriber(
            policy,
            container.codec(),
            container.checkpoints(),
            container.parked(),
            workers=self.settings.sanitisers,
        )

    def _add_queries(self, runtime: Runtime) -> None:
        chosen = self._projected()
        for service in query_services():
            if service.name in chosen:
                runtime.add_query(service, self.container.answers()[service.name])

    def _projected(self) -> set[str]:
        """Return the query services of this process, and those that it can only ask here."""
        chosen = {service.name for service in self.settings.services if service.kind == QUERY}
        if not self.settings.searches_in_memory:
            return chosen
        asked = {service.searched_by for service in query_services() if service.name in chosen}
        return chosen | asked

    def _add_workers(self, runtime: Runtime) -> None:
        stores = self.container.stores()
        for service in self.settings.services:
            match service.id:
                case "command:webhooks":
                    courier = self.use_cases.courier
                    runtime.add_worker(
                        "webhooks.courier", courier.step, courier.lag, stores["webhooks"]
                    )
                case "monitor":
                    alerting = self.use_cases.alerting
                    runtime.add_worker(
                        "monitor.alerts", alerting.step, alerting.lag, stores["operations"]
                    )
                case "command:members":
                    aliases = self.use_cases.destroy_aliases
                    runtime.add_worker(
                        "members.aliases", aliases.step, aliases.lag, stores["members"]
                    )

    def _add_chores(self, runtime: Runtime) -> None:
        if self.settings.read_models == "sqlite":
            runtime.add_chore("renew.models", self.container.models_in_file().renew_key)
        for service in self.settings.services:
            match service.id:
                case "command:cases":
                    runtime.add_chore("release.cases", self.use_cases.release_cases.step)
                case "command:evidence":
                    runtime.add_chore("sweep.uploads", self.use_cases.receive_uploads.sweep)
                case "command:members":
                    runtime.add_chore("sweep.sessions", self._sweep_sessions)
                    runtime.add_chore("erase.later", self.use_cases.erase_later.step)

    def _sweep_sessions(self) -> None:
        self.container.credentials().delete_expired(self.container.clock()())

    @cached_property
    def _attempts(self) -> Attempts:
        settings = self.settings
        return Attempts(
            settings.sign_in_limit,
            settings.sign_in_account_limit,
            settings.sign_in_network_limit,
            self.use_cases.refresh_tokens.session_of,
            self.use_cases.security,
        )

    def _shared(self) -> Shared:
        container, settings = self.container, self.settings
        return Shared(
            tokens=container.tokens(),
            request_key=container.keys().requests,
            telemetry=container.telemetry(),
            attempts=self._attempts,
            largest_upload=settings.largest_upload,
            rate_limit=settings.rate_limit,
            cors_origins=settings.cors_origins,
            proxies=settings.proxies,
        )

    def _warnings(self) -> dict[str, str]:
        """Return why this process cannot sanitise evidence, if it should. The rest works."""
        services = self.settings.services
        own = any(service.id == "command:evidence" for service in services)
        if not (own and self.settings.background):
            return {}
        try:
            self.container.workrooms().require(0)
            self.container.isolations()()
        except SanitiserUnavailable as unavailable:
            return {"evidence": str(unavailable)}
        return {}
