"""Put one process of Klarity together by its settings, start it and stop it."""

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import Flask

from adapters.log_lines import log_as_json
from application.engine.log_sealer import LogSealer
from application.engine.policy import Policy, PolicySubscriber
from application.engine.pool import PooledPolicySubscriber
from application.engine.relay import Relay
from application.engine.runtime import Runtime
from application.ports.sanitiser import SanitiserUnavailable
from application.system import COMMAND, QUERY, policy_types, query_services
from config.container import Container
from config.internal import InternalListener
from config.resources import Resources
from config.settings import Settings
from config.use_cases import UseCases
from entrypoints.http.app import Shared, create_app
from entrypoints.http.attempts import Attempts
from entrypoints.http.internal import create_internal_app
from entrypoints.metrics import RuntimeCollector, SecurityCollector, UploadsCollector
from entrypoints.site.api import Api, ApiInProcess, ApiOverHttp
from entrypoints.site.kept import KeptPages
from entrypoints.site.site import SiteSettings, beside, create_site

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)


class Process:
    """Owns a container. The constructor raises InUse if another process uses the data folder, and
    StoreMisconfigured if a store does not meet the requirements.

    A process that is not ``alone`` runs commands of the operator. It may use the files of an
    embedded store at the same time as the serving process.
    """

    def __init__(self, settings: Settings, *, alone: bool = True) -> None:
        log_as_json(settings.log_level)
        self.settings = settings
        self.container = Container(settings=settings)
        if alone and settings.single_process:
            self.container.process_lock()
        self.container.keys()
        if settings.event_store == "mongo":
            self.container.database()
        self.use_cases = UseCases(self.container)
        self.container.registry().register(SecurityCollector(self.use_cases.security))
        self._listener: InternalListener | None = None

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
        return create_app(self._shared(), self._resources.blueprints())

    @cached_property
    def internal_app(self) -> Flask:
        """The WSGI application of operators and other services."""
        return create_internal_app(self._resources.internal())

    @cached_property
    def _resources(self) -> Resources:
        return Resources(self.container, self.use_cases, self._warnings)

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
        self.container.registry().register(RuntimeCollector(runtime, self.container.bus().refused))
        return runtime

    def start(self) -> None:
        """Log the warnings, and start the background work."""
        for what, warning in self._warnings().items():
            log.error("%s: %s", what, warning)
        self.runtime.start()

    def listen(self, port: int) -> None:
        """Serve health, metrics and history on the internal address. Raises CannotListen."""
        self._listener = InternalListener(self.internal_app, self.settings.internal_host, port)

    def end_streams(self) -> None:
        """End the endless replies."""
        self.use_cases.updates.stop()

    def close(self) -> None:
        """Finish the current steps, and release all resources."""
        if self._listener:
            self._listener.close()
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
        )
        runtime.add_relay(relay, store)
        runtime.add_sealer(LogSealer(store, container.seals()))

    def _add_policies(self, runtime: Runtime, context: str) -> None:
        for kind in policy_types():
            if kind.service == context:
                runtime.add_policy(self._subscriber(kind(self.use_cases.policy_dependencies)))

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
        chosen = {service.name for service in self.settings.services if service.kind == QUERY}
        for service in query_services():
            if service.name in chosen:
                runtime.add_query(service, self.container.answers()[service.name])

    def _add_workers(self, runtime: Runtime) -> None:
        stores = self.container.stores()
        for service in self.settings.services:
            match service.id:
                case "command:webhooks":
                    courier = self.use_cases.courier
                    runtime.add_worker(
                        "webhooks.courier", courier.step, courier.lag, stores["webhooks"]
                    )
                case "command:members":
                    aliases = self.use_cases.destroy_aliases
                    runtime.add_worker(
                        "members.aliases", aliases.step, aliases.lag, stores["members"]
                    )

    def _add_chores(self, runtime: Runtime) -> None:
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

    def _shared(self) -> Shared:
        container, settings = self.container, self.settings
        return Shared(
            tokens=container.tokens(),
            request_key=container.keys().requests,
            registry=container.registry(),
            attempts=Attempts(
                settings.sign_in_limit,
                settings.sign_in_account_limit,
                settings.sign_in_network_limit,
                self.use_cases.refresh_tokens.session_of,
                self.use_cases.security,
            ),
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
