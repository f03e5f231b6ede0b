"""The ``klarity`` command."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

import click

from application.engine.log_seals import LogSeals
from application.engine.rebuild import Rebuilder
from application.engine.verify import verify_checkpoints, verify_log
from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec
from application.ports.event_store import EventStore
from application.ports.parked import ParkedEvent, ParkedEvents, service_of
from application.system import Service, services
from application.use_cases.members.standing import StandingChanges
from application.use_cases.moderation.what_if import Hiding, ModerationReplay, WhatIf
from application.use_cases.operations.intervene import Explanation, Intervene, target_of
from application.use_cases.operations.parked_causes import masked_error
from application.use_cases.webhooks.manage import Webhooks
from domain.cases.case_details import CaseCategory
from domain.moderation.subject import Verdict
from domain.operations.intervention import Action, Target
from domain.webhooks.delivery import DeliveryStatus, WebhookDelivery
from entrypoints.backups import Backups, add_backups
from entrypoints.new.command import add_new
from entrypoints.nginx import FALLBACK, nginx_configuration, trusting
from entrypoints.options import FiniteRange, explained, from_standard_input, trusts
from entrypoints.rebuilds import add_rebuilds
from entrypoints.up.command import add_up


class NoSuchMember(Exception):
    """No member has this pseudonym."""


class Tools(Protocol):
    """The dependencies of the commands, available once the stores are open."""

    @property
    def stores(self) -> dict[str, EventStore]: ...

    @property
    def codec(self) -> EventCodec: ...

    @property
    def seals(self) -> LogSeals: ...

    @property
    def parked(self) -> ParkedEvents: ...

    @property
    def intervene(self) -> Intervene: ...

    @property
    def rebuilder(self) -> Rebuilder: ...

    @property
    def keeps_read_models(self) -> bool:
        """Whether other processes use the read models that are rebuilt here."""
        ...

    @property
    def webhooks(self) -> Webhooks: ...

    @property
    def alert_secret(self) -> str:
        """The secret that signs what is sent to ``KLARITY_ALERT_WEBHOOK``."""
        ...

    @property
    def what_if(self) -> WhatIf: ...

    @property
    def standing(self) -> StandingChanges: ...

    def checkpoints(self) -> dict[str, Checkpoint]:
        """Return the checkpoint of each relay, policy and build of a read model, by name."""
        ...

    def add_member(self, pseudonym: str, passphrase: str) -> str:
        """Register a member. Returns their id."""
        ...

    def grant(self, pseudonym: str, role: str) -> None:
        """Grant a role to the member with this pseudonym. Raises NoSuchMember."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The functions of the system that the command line calls."""

    serve: Callable[[], None]
    work: Callable[[], None]
    own_url: Callable[[], str]
    open_tools: Callable[[], AbstractContextManager[Tools]]
    play_demo: Callable[[str, tuple[str, str] | None], None]
    give_up_lost_keys: Callable[[], None]
    backups: Backups[Tools]
    faults: tuple[type[Exception], ...]


ROLES = ["moderator", "admin", "operator"]
KEEP_OUT_OF_SIGHT = (
    "Write - to give it on standard input: all else that you write here is kept in the history of"
    " the shell, and shown in the list of processes."
)
CONTEXT = {"help_option_names": ["-h", "--help"]}


def build_cli(entry: Entry) -> click.Group:
    """Return the command line that calls the functions of ``entry``."""

    @click.group(context_settings=CONTEXT)
    @click.version_option(package_name="klarity")
    def klarity() -> None:
        """Report petty corruption, safely and backed by evidence.

        KLARITY_* environment variables are the settings. By default one process runs everything
        and keeps its data in ./data: `klarity serve`, then open http://127.0.0.1:8000/docs.
        """

    @klarity.command()
    def serve() -> None:
        """Serve HTTP, and run the background work unless KLARITY_BACKGROUND is false.

        KLARITY_HOST and KLARITY_PORT set the address, and KLARITY_SERVICES the services (`klarity
        services` lists them).
        """
        with plain_faults(entry):
            entry.serve()

    @klarity.command()
    def work() -> None:
        """Run relays, policies and projections without HTTP, until stopped.

        For deployments that serve with KLARITY_BACKGROUND=false. Several can run: leases elect
        the active ones, and the others stand by.
        """
        with plain_faults(entry):
            entry.work()

    @klarity.command("services")
    @click.option("--nginx", is_flag=True, help="Print an nginx configuration for all of them.")
    @click.option(
        "--at",
        multiple=True,
        metavar="SERVICE=HOST:PORT",
        help="The address of a service, for --nginx; repeat it for each.",
    )
    @trusts
    def services_(*, nginx: bool, at: Sequence[str], trust: Sequence[str]) -> None:
        """List the services, their purpose, and what they publish and subscribe to.

        With --nginx, print how one address serves services that run in processes of their own:

            klarity services --nginx --at command:cases=127.0.0.1:8001 ...

        Where another proxy receives people's requests first, such as one for TLS, name it with
        --trust. Without it, all people count as one client, and share its limits.
        """
        if nginx:
            click.echo(nginx_configuration(_places(at), trusted=trusting(trust)))
            return
        for service in services():
            click.echo(_described(service))

    @klarity.command()
    @click.option(
        "--heads",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Compare with the ends of the logs in this file, then write the present ones to it.",
    )
    def verify(heads: Path | None) -> None:
        """Recompute all hash chains and seals, and report any change to a log.

        Restoring the whole database to an earlier state also restores its seals. To detect this,
        use --heads with a file that the database's administrators cannot write.
        """
        with opened(entry) as tools:
            good = _verify(tools, heads)
        if not good:
            raise SystemExit(1)

    add_rebuilds(klarity, lambda: _opened_for_rebuilds(entry))
    _add_parked(klarity, entry)
    _add_give_up_keys(klarity, entry)
    add_backups(
        klarity, entry.backups, lambda: plain_faults(entry), lambda tools: _verify(tools, None)
    )
    _add_members(klarity, entry)
    _add_webhooks(klarity, entry)
    _add_alert_secret(klarity, entry)
    _add_what_if(klarity, entry)
    add_new(klarity)
    add_up(klarity)
    _add_demo(klarity, entry)
    return klarity


@contextmanager
def _opened_for_rebuilds(entry: Entry) -> Iterator[Tools]:
    with opened(entry) as tools:
        if not tools.keeps_read_models:
            raise click.ClickException("These read models live in memory: restart their process.")
        yield tools


def _verify(tools: Tools, heads: Path | None) -> bool:
    """Verify everything and print the faults. Returns whether there are none."""
    kept = json.loads(heads.read_text()) if heads and heads.exists() else {}
    found = {"checkpoints": verify_checkpoints(tools.checkpoints(), tools.stores)}
    ends = {}
    for log, store in tools.stores.items():
        with _bar(f"Verifying {log}") as progress:
            known = {end: bytes.fromhex(running) for end, running in kept.get(log, [])}
            verified = verify_log(store, tools.codec, tools.seals, earlier=known, progress=progress)
        click.echo(f"{log}: {verified.position} events, {len(verified.faults)} faults.")
        found[log] = verified.faults
        ends[log] = [(verified.position, verified.running.hex())]
    for fault in chain.from_iterable(found.values()):
        click.echo(f"{fault.stream}, version {fault.version}: {fault.what}", err=True)
    good = not any(found.values())
    if heads and good:
        heads.write_text(json.dumps(ends))
    return good


def _add_demo(klarity: click.Group, entry: Entry) -> None:
    @klarity.command()
    @click.option("--url", help="The address of Klarity; by default that of the settings.")
    @click.option("--moderator", metavar="PSEUDONYM", help="A moderator who decides on flags.")
    @click.option(
        "--passphrase",
        callback=from_standard_input,
        help=f"The moderator's passphrase, which is prompted for otherwise. {KEEP_OUT_OF_SIGHT}",
    )
    def demo(url: str | None, moderator: str | None, passphrase: str | None) -> None:
        """Play a town in two languages through the public API of a running Klarity.

        Members register, upload photos and a video, report 120 cases, and support, discuss and flag
        them. It takes two or three minutes, because Klarity limits registrations.

        `klarity members add NAME --role moderator` creates a moderator.
        """
        judge = None
        if moderator:
            judge = moderator, passphrase or click.prompt("Passphrase", hide_input=True)
        with plain_faults(entry):
            entry.play_demo(url or entry.own_url(), judge)


def _add_parked(klarity: click.Group, entry: Entry) -> None:
    @klarity.group()
    def parked() -> None:
        """Events that a subscriber failed to handle.

        Later events of the same stream wait for them; everything else continues. Each is retried
        some times within about an hour, and then when the operator decides.

        The subscriber of a read model has the name of its query service and the build, as in
        cases.1000. The name of the service alone means all its builds.
        """

    @parked.command("list")
    @click.argument("subscriber", required=False)
    def list_(subscriber: str | None) -> None:
        """List the parked events of one or all subscribers, with their tries and errors."""
        with opened(entry) as tools:
            found = _parked_by(tools, subscriber)
        for item in found:
            decided = f" ({item.verdict} was decided)" if item.verdict else ""
            click.echo(f"{item.subscriber} {item.event.id} {item.event.type}{decided}")
            click.echo(f"    {item.parked_at}: {masked_error(item.error)}")
            click.echo(f"    {_tries_of(item)}")
        click.echo(f"{len(found)} parked.")

    @parked.command()
    @click.argument("subscriber")
    @click.argument("event_id")
    @explained
    def retry(subscriber: str, event_id: str, why: Explanation) -> None:
        """Retry a parked event, for example after a fault was corrected.

        Parked events before it in its stream are retried first. A dropped event is handled by
        read models built from then on.
        """
        if not _take_back(entry, subscriber, event_id, why):
            _decide(entry, subscriber, event_id, Action.RETRY, why)

    @parked.command()
    @click.argument("subscriber")
    @click.argument("event_id")
    @explained
    @click.confirmation_option(prompt="The subscriber will never handle this event. Continue?")
    def drop(subscriber: str, event_id: str, why: Explanation) -> None:
        """Drop a parked event, also for later builds of the read model."""
        _decide(entry, subscriber, event_id, Action.DROP, why)

    @parked.command()
    @click.argument("service")
    def dropped(service: str) -> None:
        """List the events that a query service or policy has dropped."""
        with opened(entry) as tools:
            found = sorted(tools.parked.dropped(service))
        for event_id in found:
            click.echo(event_id)
        click.echo(f"{len(found)} dropped.")


def _add_give_up_keys(klarity: click.Group, entry: Entry) -> None:
    @klarity.command("give-up-keys")
    @click.confirmation_option(prompt="Nothing of these members can be read ever again. Go on?")
    def give_up_keys() -> None:
        """Destroy the keys that the file of epochs cannot open.

        Only if file or key vault are lost and the newest backups do not fit together. Their members
        count as erased from then on. Stop all processes first.
        """
        with plain_faults(entry):
            entry.give_up_lost_keys()


def _add_members(klarity: click.Group, entry: Entry) -> None:
    @klarity.group()
    def members() -> None:
        """Register members and grant roles, such as to the first admin."""

    @members.command()
    @click.argument("pseudonym")
    @click.option("--role", type=click.Choice(ROLES))
    @click.password_option(
        "--passphrase",
        callback=from_standard_input,
        help=f"Do not prompt for it. {KEEP_OUT_OF_SIGHT}",
    )
    def add(pseudonym: str, role: str | None, passphrase: str) -> None:
        """Register a member, optionally with a role; prompts for the passphrase."""
        with opened(entry) as tools:
            member_id = tools.add_member(pseudonym, passphrase)
            if role:
                tools.grant(pseudonym, role)
        click.echo(f"{pseudonym} is member {member_id}.")

    @members.command()
    @click.argument("pseudonym")
    @click.argument("role", type=click.Choice(ROLES))
    def grant(pseudonym: str, role: str) -> None:
        """Grant a role to a member."""
        with opened(entry) as tools:
            tools.grant(pseudonym, role)
        click.echo(f"{pseudonym} is {role} now.")

    @members.command()
    def standing() -> None:
        """List who granted and revoked roles, suspended and reinstated, oldest first.

        Klarity shows nobody else who it was. A member who was erased is listed by id alone.
        """
        with opened(entry) as tools:
            for each in tools.standing:
                click.echo(f"{each.at:%Y-%m-%dT%H:%M:%SZ} {each.member}: {each.what}, by {each.by}")


def _add_webhooks(klarity: click.Group, entry: Entry) -> None:
    @klarity.group()
    def webhooks() -> None:
        """Other systems, such as journalists', that are notified when a case becomes public.

        Calls are signed by the rules of Standard Webhooks, tried six times in about four hours,
        and then parked. They contain public data only, and nothing about the author.
        """

    @webhooks.command()
    @click.argument("url")
    @click.option("--tag", default="", help="Notify of cases with this tag only.")
    @click.option(
        "--category",
        default="",
        type=click.Choice(["", *CaseCategory]),
        help="Notify of cases of this category only.",
    )
    def add(url: str, tag: str, category: str) -> None:
        """Add a webhook and print the secret that signs its calls, which is shown only once."""
        with opened(entry) as tools:
            webhook_id, secret = tools.webhooks.add(url, tag, category)
        click.echo(f"Webhook {webhook_id} was added. Its secret is not shown again:\n{secret}")

    @webhooks.command("list")
    def list_() -> None:
        """List the webhooks, and which cases each is notified of."""
        with opened(entry) as tools:
            found = tools.webhooks.list()
        for each in found:
            wanted = " ".join(filter(None, (each.tag and f"tag={each.tag}", each.category)))
            click.echo(f"{each.webhook_id} {each.url} {wanted or 'all cases'}")
        click.echo(f"{len(found)} webhooks.")

    @webhooks.command()
    @click.argument("webhook_id")
    def remove(webhook_id: str) -> None:
        """Remove a webhook."""
        with opened(entry) as tools:
            tools.webhooks.remove(webhook_id)
        click.echo(f"Webhook {webhook_id} was removed.")

    @webhooks.command()
    @click.option("--parked", is_flag=True, help="Only the parked ones.")
    def deliveries(*, parked: bool) -> None:
        """List the deliveries that have not succeeded yet, with their errors."""
        with opened(entry) as tools:
            every = tools.webhooks.deliveries()
        found = [each for each in every if not parked or each.status is DeliveryStatus.PARKED]
        for each in found:
            click.echo(_delivery_line(each))
        click.echo(f"{len(found)} deliveries.")

    @webhooks.command()
    @click.argument("delivery_id")
    def retry(delivery_id: str) -> None:
        """Retry a parked delivery, for example once the receiver works again."""
        with opened(entry) as tools:
            tools.webhooks.retry(delivery_id)
        click.echo(f"{delivery_id} will be tried again within seconds.")


def _add_alert_secret(klarity: click.Group, entry: Entry) -> None:
    @klarity.command("alert-secret")
    def alert_secret() -> None:
        """Print the secret that signs the alerts sent to KLARITY_ALERT_WEBHOOK.

        Receivers verify with it that an alert comes from here, by the rules of Standard Webhooks.
        It is derived from the secret of the instance, and is the same for all addresses.
        """
        with opened(entry) as tools:
            secret = tools.alert_secret
        click.echo(secret)


def _add_what_if(klarity: click.Group, entry: Entry) -> None:
    @klarity.group("what-if")
    def what_if() -> None:
        """Apply another number to the past, before changing a setting or the code.

        This changes nothing, and Klarity can go on serving meanwhile.
        """

    @what_if.command()
    @click.option("--threshold", type=FiniteRange(min=0.1), required=True)
    def moderation(threshold: float) -> None:
        """List what flags would have hidden with another threshold, rightly or wrongly.

        Flags and decisions stay as they were. Hidden content gets no further flags, so with a
        threshold above the present one, more could have been hidden than is listed here.
        """
        with opened(entry) as tools:
            then, now = tools.what_if.moderation(threshold), tools.what_if.moderation()
        for hiding in then.hidings:
            click.echo(_hidden(hiding))
        click.echo(_summed_up(f"A threshold of {then.threshold:g}", then))
        click.echo(_summed_up(f"The present one of {now.threshold:g} (KLARITY_HIDE_AT)", now))

    @what_if.command()
    @click.option("--half-life", metavar="DAYS", type=FiniteRange(min=0.01), required=True)
    @click.option("--top", default=10, show_default=True, type=click.IntRange(min=1))
    def popular(half_life: float, top: int) -> None:
        """List popular cases in the order they would have if supports counted half after DAYS.

        It lists the cases that come first now or would come first then.
        """
        with opened(entry) as tools:
            found = tools.what_if.popular(half_life, top)
        click.echo(" now  then")
        for case in found:
            click.echo(f"{case.now:4}  {case.then:4}  {case.title}")


VERDICTS = {
    None: "moderators have not decided",
    Verdict.HIDE: "moderators hid it too",
    Verdict.RESTORE: "moderators restored it",
    Verdict.DISMISS: "moderators let it stand",
}


def _hidden(hiding: Hiding) -> str:
    what = f"{hiding.at:%Y-%m-%d %H:%M} {hiding.kind} {hiding.subject_id}"
    return f"{what} {hiding.rule}, weight {hiding.weight:.2f}: {VERDICTS[hiding.verdict]}"


def _summed_up(threshold: str, replay: ModerationReplay) -> str:
    return (
        f"{threshold} hides {len(replay.hidings)}: {replay.right} rightly, {replay.wrong} wrongly, "
        f"{replay.undecided} undecided. Moderators hid {replay.missed} that flags had not."
    )


def _delivery_line(delivery: WebhookDelivery) -> str:
    planned = delivery.planned
    about = f"{planned.delivery_id} to {planned.webhook_id} of {planned.case_id}" if planned else ""
    return f"{about}: {delivery.status}, tried {delivery.tried} times {delivery.error}".rstrip()


@contextmanager
def plain_faults(entry: Entry) -> Iterator[None]:
    """Turn faults that an operator can correct into one message without a traceback."""
    try:
        yield
    except entry.faults as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def opened(entry: Entry) -> Iterator[Tools]:
    """Open the tools, with ``plain_faults`` applied."""
    with plain_faults(entry), entry.open_tools() as tools:
        yield tools


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar. Yields a function that takes the amount done and the total."""
    with click.progressbar(length=1, label=label) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield progress


def _parked_by(tools: Tools, name: str | None) -> list[ParkedEvent]:
    """Return the parked events of a subscriber, all builds of a service, or all subscribers."""
    return [each for each in tools.parked.list() if name in (None, each.subscriber, each.service)]


def _tries_of(item: ParkedEvent) -> str:
    times = f"tried {item.tries} times" if item.tries else "not tried"
    if item.verdict:
        return f"{times}; {item.verdict} follows"
    if item.retry_at is None:
        return f"{times}; no further automatic try"
    return f"{times}; next try {item.retry_at.isoformat(timespec='seconds')}"


def _take_back(entry: Entry, subscriber: str, event_id: str, why: Explanation) -> bool:
    """Forget that an event was dropped, if it is no longer parked. Returns whether it was."""
    with opened(entry) as tools:
        parked = any(each.event.id == event_id for each in _parked_by(tools, subscriber))
        taken = not parked and event_id in tools.parked.dropped(service_of(subscriber))
        if taken:
            target = Target(subscriber=subscriber, event_id=event_id)
            tools.intervene.settle(Action.TAKE_BACK, [target], why)
    if taken:
        click.echo(f"New builds of the read model of {subscriber} will handle {event_id}.")
    return taken


def _decide(entry: Entry, subscriber: str, event_id: str, action: Action, why: Explanation) -> None:
    with opened(entry) as tools:
        found = [each for each in _parked_by(tools, subscriber) if each.event.id == event_id]
        if not found:
            raise click.ClickException(f"{subscriber} has not parked {event_id}.")
        tools.intervene.settle(action, [target_of(each) for each in found], why)
    click.echo(f"{subscriber} will {action} {event_id} within seconds.")


def _described(service: Service) -> str:
    lines = [f"{service.id:24}{service.about}"]
    if service.publishes:
        lines.append(f"{'':24}publishes {', '.join(service.publishes)}")
    if service.subscribes_to:
        lines.append(f"{'':24}subscribes to {', '.join(service.subscribes_to)}")
    lines += [f"{'':24}{policy}" for policy in service.policies]
    return "\n".join(lines)


def _places(at: Sequence[str]) -> dict[str, str]:
    """Return the address of each service, by its id."""
    places = dict(_pair(place) for place in at)
    known = {service.id for service in services()}
    if unknown := sorted(places.keys() - known):
        message = f"{', '.join(unknown)} is not a service; `klarity services` lists their ids"
        raise click.BadParameter(message, param_hint="--at")
    if FALLBACK not in places:
        raise click.BadParameter(
            f"{FALLBACK} serves all other requests: say where", param_hint="--at"
        )
    return places


def _pair(place: str) -> tuple[str, str]:
    name, found, address = place.partition("=")
    if not found or not address:
        raise click.BadParameter(f"{place!r} is not SERVICE=HOST:PORT", param_hint="--at")
    return name, address
