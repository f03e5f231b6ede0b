"""Make the use cases, each once when it is first needed."""

import time
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

from adapters.read_models.memory import MemoryReadModels
from application.engine.contributions import Contributions
from application.engine.own_events import OwnEvents
from application.executors import Executors
from application.policy import KlarityPolicy, PolicyDependencies
from application.ports.uploads import Quota
from application.security import SecurityLog
from application.system import CONTEXTS, policy_types, query_services
from application.updates import Updates
from application.use_cases.authorship import Authorship
from application.use_cases.cases.engage import Engage
from application.use_cases.cases.enrich import Enrich
from application.use_cases.cases.forget import ForgetInCases
from application.use_cases.cases.release import ReleaseCases
from application.use_cases.cases.report import Report
from application.use_cases.discussions.discuss import Discuss
from application.use_cases.discussions.forget import ForgetInDiscussions
from application.use_cases.evidence.erase import EraseMedia
from application.use_cases.evidence.media import DestroyMedia
from application.use_cases.evidence.sanitise import SanitiseEvidence
from application.use_cases.evidence.uploads import ReceiveUploads
from application.use_cases.members.accounts import Accounts
from application.use_cases.members.aliases import DestroyAliases
from application.use_cases.members.erasure_progress import ErasureReceipts
from application.use_cases.members.export import ExportAccount
from application.use_cases.members.later import EraseLater
from application.use_cases.members.pseudonyms import Pseudonyms
from application.use_cases.members.refresh_tokens import RefreshTokens
from application.use_cases.members.standing import StandingChanges
from application.use_cases.moderation.forget import ForgetInModeration
from application.use_cases.moderation.moderate import Moderate
from application.use_cases.moderation.visibility import Visibility
from application.use_cases.moderation.what_if import WhatIf
from application.use_cases.operations.alerting import Alerting, OpenAlerts
from application.use_cases.operations.correlations import Correlations
from application.use_cases.operations.follow import FollowCommand
from application.use_cases.operations.forget import ForgetInOperations
from application.use_cases.operations.handlers import Handlers
from application.use_cases.operations.intervene import CarryOut, Intervene
from application.use_cases.operations.open_event import OpenEvents
from application.use_cases.operations.send_alerts import SendAlerts
from application.use_cases.operations.sightings import Sightings
from application.use_cases.operations.watch import SystemWatch
from application.use_cases.repeat_erasures import RepeatErasures
from application.use_cases.webhooks.courier import Courier
from application.use_cases.webhooks.manage import Webhooks
from application.use_cases.webhooks.open_deliveries import OpenDeliveries
from config.container import Container
from config.settings import split_addresses
from config.sources import sources_of
from domain.catalog import ERASURE
from entrypoints.http.links import Links


class UseCases:
    """Makes the use cases from a container. A new use case is a property here.

    Tests pass ``executors`` whose stores fail or pause.
    """

    def __init__(self, container: Container, executors: Executors | None = None) -> None:
        self._container = container
        self._executors = executors
        self._settings = container.settings()
        self._keys = container.keys()
        self._clock = container.clock()

    @cached_property
    def executors(self) -> Executors:
        return self._executors or self._container.executors()

    @cached_property
    def security(self) -> SecurityLog:
        return SecurityLog()

    @cached_property
    def refresh_tokens(self) -> RefreshTokens:
        return RefreshTokens(self._keys.requests)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(
            members=self.executors.members,
            credentials=self._container.credentials(),
            passphrases=self._container.passphrases(),
            vault=self._container.vault(),
            aliases=self._container.aliases(),
            pseudonyms=Pseudonyms(self._container.spelling()),
            refresh_tokens=self.refresh_tokens,
            clock=self._clock,
        )

    @cached_property
    def authorship(self) -> Authorship:
        return Authorship(self.executors.cases, self._container.aliases())

    @cached_property
    def destroy_aliases(self) -> DestroyAliases:
        made = self._container
        erasing = [kind.name for kind in _erasing_policies()]
        return DestroyAliases(
            made.history(), made.codec(), made.aliases(), made.checkpoints(), erasing
        )

    @cached_property
    def erase_later(self) -> EraseLater:
        made = self._container
        return EraseLater(made.later_erasures(), made.texts(), self.executors.members, self._clock)

    @cached_property
    def repeat_erasures(self) -> RepeatErasures:
        made = self._container
        return RepeatErasures(
            history=made.history(),
            codec=made.codec(),
            members=self.executors.members,
            evidence=self.executors.evidence,
            forget_member=self.accounts.forget,
            destroy_media=self.destroy_media,
            logs=CONTEXTS,
            clock=self._clock,
        )

    @cached_property
    def erasure_receipts(self) -> ErasureReceipts:
        made, steps = self._container, defaultdict[str, frozenset[str]](frozenset)
        for kind in _erasing_policies():
            steps[kind.service] |= {kind.name}
        steps["aliases"] = frozenset({DestroyAliases.name})
        return ErasureReceipts(made.history(), made.checkpoints(), made.texts(), self._clock, steps)

    @cached_property
    def export_account(self) -> ExportAccount:
        made = self._container
        return ExportAccount(
            events=OwnEvents(made.history(), made.codec(), made.aliases()),
            codec=made.codec(),
            aliases=made.aliases(),
            members=self.executors.members,
            credentials=made.credentials(),
            uploads=made.upload_states(),
            notifications=made.answers()["notifications"],
            key=self._keys.requests,
        )

    @cached_property
    def standing(self) -> StandingChanges:
        return StandingChanges(
            self._container.history(), self._container.codec(), self.executors.members
        )

    @cached_property
    def report(self) -> Report:
        return Report(self.executors.cases, self.executors.exhibits, self.authorship)

    @cached_property
    def release_cases(self) -> ReleaseCases:
        made = self._container
        return ReleaseCases(
            history=made.history(),
            codec=made.codec(),
            cases=self.executors.cases,
            checkpoints=made.checkpoints(),
            clock=self._clock,
            is_leaving=self.erase_later.waits,
        )

    @cached_property
    def engage(self) -> Engage:
        executors = self.executors
        return Engage(
            executors.cases,
            executors.engagements,
            authorship=self.authorship,
            key=self._keys.requests,
            clock=self._clock,
        )

    @cached_property
    def enrich(self) -> Enrich:
        executors, links = self.executors, self._container.dispute_links()
        return Enrich(executors.cases, executors.parties, links, self.authorship, self._clock)

    @cached_property
    def discuss(self) -> Discuss:
        executors = self.executors
        return Discuss(executors.discussions, executors.comments, self.authorship, self._clock)

    @cached_property
    def visibility(self) -> Visibility:
        do = self.executors
        return Visibility(do.cases, do.parties, do.comments, do.members, self.accounts.is_erased)

    @cached_property
    def moderate(self) -> Moderate:
        executors = self.executors
        return Moderate(
            executors.flags,
            executors.records,
            executors.subjects,
            executors.decisions,
            self.visibility,
            authorship=self.authorship,
            key=self._keys.requests,
            clock=self._clock,
        )

    @cached_property
    def what_if(self) -> WhatIf:
        history, codec = self._container.history(), self._container.codec()
        return WhatIf(history, codec, MemoryReadModels, hide_at=self._settings.hide_at)

    @cached_property
    def destroy_media(self) -> DestroyMedia:
        return DestroyMedia(
            self._container.vault(), self._container.media(), self._container.upload_states()
        )

    @cached_property
    def receive_uploads(self) -> ReceiveUploads:
        settings = self._settings
        return ReceiveUploads(
            uploads=self._container.upload_states(),
            media=self._container.media(),
            sanitiser=self._container.sanitiser(),
            evidence=self.executors.evidence,
            destroy=self.destroy_media,
            aliases=self._container.aliases(),
            is_erased=self.accounts.is_erased,
            clock=self._clock,
            largest=settings.largest_upload,
            quota=Quota(pieces=settings.uploads_a_day, size=settings.upload_bytes_a_day),
        )

    @cached_property
    def sanitise(self) -> SanitiseEvidence:
        return SanitiseEvidence(
            evidence=self.executors.evidence,
            sanitiser=self._container.sanitiser(),
            media=self._container.media(),
            room=self._container.workrooms().room,
            destroy=self.destroy_media,
            is_erased=self.accounts.is_erased,
            clock=self._clock,
        )

    @cached_property
    def erase_media(self) -> EraseMedia:
        return EraseMedia(
            self.contributions,
            uploads=self.receive_uploads,
            destroy=self.destroy_media,
            evidence=self.executors.evidence,
            clock=self._clock,
        )

    @cached_property
    def forget_in_cases(self) -> ForgetInCases:
        do = self.executors
        return ForgetInCases(self.contributions, do.cases, do.parties, self._clock)

    @cached_property
    def contributions(self) -> Contributions:
        made = self._container
        return Contributions(made.history(), made.codec(), made.aliases(), self.erase_later.add)

    @cached_property
    def forget_in_discussions(self) -> ForgetInDiscussions:
        return ForgetInDiscussions(self.contributions, self.executors.comments, self._clock)

    @cached_property
    def forget_in_moderation(self) -> ForgetInModeration:
        do = self.executors
        return ForgetInModeration(
            self.contributions, do.subjects, do.flags, do.decisions, self._clock
        )

    @cached_property
    def forget_in_operations(self) -> ForgetInOperations:
        return ForgetInOperations(self.contributions, self.executors.interventions, self._clock)

    @cached_property
    def carry_out(self) -> CarryOut:
        made = self._container
        return CarryOut(
            self.executors.interventions,
            made.parked(),
            made.rebuilds(),
            query_services(),
            self._clock,
        )

    @cached_property
    def intervene(self) -> Intervene:
        return Intervene(self.executors.interventions, self.carry_out, self._clock)

    @cached_property
    def handlers(self) -> Handlers:
        made = self._container
        return Handlers(made.checkpoints(), made.models(), made.history())

    @cached_property
    def follow_command(self) -> FollowCommand:
        correlations = Correlations(self._container.history(), CONTEXTS)
        return FollowCommand(correlations, self.handlers, self._container.parked())

    @cached_property
    def open_events(self) -> OpenEvents:
        return OpenEvents(self._container.history(), self._container.codec(), self.intervene)

    @cached_property
    def policy_dependencies(self) -> PolicyDependencies:
        return PolicyDependencies(
            executors=self.executors,
            sanitise=self.sanitise,
            forget_member=self.accounts.forget,
            erase_media=self.erase_media,
            forget_in_cases=self.forget_in_cases,
            forget_in_discussions=self.forget_in_discussions,
            forget_in_moderation=self.forget_in_moderation,
            forget_in_operations=self.forget_in_operations,
            carry_out=self.carry_out,
            destroy_key=self._container.codec().forget,
            send_alert=self.send_alerts,
            security=self.security,
            hide_at=self._settings.hide_at,
        )

    @cached_property
    def send_alerts(self) -> SendAlerts:
        urls = split_addresses(self._settings.alert_webhook)
        caller = self._container.webhook_caller()
        return SendAlerts(urls, caller, self._keys.webhooks, self._clock)

    @cached_property
    def sightings(self) -> Sightings:
        return Sightings(time.monotonic)

    @cached_property
    def watch(self) -> SystemWatch:
        return SystemWatch(sources_of(self._container, self.sightings))

    @cached_property
    def alerting(self) -> Alerting:
        made = self._container
        open_alerts = OpenAlerts(made.history(), made.codec())
        alerts = self.executors.alerts
        return Alerting(self.watch.overview, alerts, open_alerts, self._clock, time.monotonic)

    @cached_property
    def updates(self) -> Updates:
        cases = self._container.answers()["cases"]
        return Updates(self._container.history(), self._container.codec(), cases)

    @cached_property
    def webhooks(self) -> Webhooks:
        return Webhooks(
            self.executors,
            self._open_deliveries(),
            self._container.webhook_caller(),
            self._keys.webhooks,
            self._clock,
            insecure=self._settings.webhooks_insecure,
        )

    @cached_property
    def courier(self) -> Courier:
        return Courier(
            executors=self.executors,
            open_deliveries=self._open_deliveries(),
            caller=self._container.webhook_caller(),
            key=self._keys.webhooks,
            link_to=Links(self._settings.public_url).data,
            clock=self._clock,
        )

    def _open_deliveries(self) -> OpenDeliveries:
        return OpenDeliveries(self._container.history(), self._container.codec())


def _erasing_policies() -> Iterator[type[KlarityPolicy]]:
    """Yield the policies that handle the erasure of a member."""
    return (kind for kind in policy_types() if ERASURE.name in kind.handles)
