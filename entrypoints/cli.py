"""The ``klarity`` command."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import click

from application.engine.log_seals import LogSeals
from application.engine.rebuild import Rebuilder
from application.engine.verify import verify_checkpoints, verify_log
from application.ports.checkpoints import Checkpoint
from application.ports.codec import EventCodec
from application.ports.event_store import EventStore
from application.ports.parked import ParkedEvent, ParkedEvents, service_of
from application.system import Service, query_services, services
from application.use_cases.moderation.what_if import Hiding, ModerationReplay, WhatIf
from application.use_cases.webhooks.manage import Webhooks
from domain.cases.case import CaseCategory
from domain.moderation.subject import Verdict
from domain.webhooks.delivery import DeliveryStatus, WebhookDelivery
from entrypoints.nginx import FALLBACK, nginx_configuration


class Tools(Protocol):
    """What the commands work with, once settings are read and stores are open."""

    @property
    def stores(self) -> dict[str, EventStore]: ...

    @property
    def codec(self) -> EventCodec: ...

    @property
    def seals(self) -> LogSeals: ...

    @property
    def parked(self) -> ParkedEvents: ...

    @property
    def rebuilder(self) -> Rebuilder: ...

    @property
    def keeps_read_models(self) -> bool:
        """Whether a read model that is rebuilt here is one that somebody serves."""
        ...

    @property
    def webhooks(self) -> Webhooks: ...

    @property
    def what_if(self) -> WhatIf: ...

    def checkpoints(self) -> dict[str, Checkpoint]:
        """Return how far each relay, policy and build of a read model has come, by name."""
        ...

    def add_member(self, pseudonym: str, passphrase: str) -> str:
        """Registers a member; their id."""
        ...

    def grant(self, pseudonym: str, role: str) -> None:
        """Grants a role to the member with this pseudonym. Raises LookupError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How the command line reaches the rest of the system."""

    serve: Callable[[], None]
    work: Callable[[], None]
    own_url: Callable[[], str]
    open_tools: Callable[[], AbstractContextManager[Tools]]
    play_demo: Callable[[str, tuple[str, str] | None], None]
    faults: tuple[type[Exception], ...]


class Number(click.FloatRange):
    """A number in a range, which neither infinity nor what is no number is."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is no number.", param, ctx)
        return number


CONTEXT = {"help_option_names": ["-h", "--help"]}


def build_cli(entry: Entry) -> click.Group:
    """Return the command line over an entry."""

    @click.group(context_settings=CONTEXT)
    @click.version_option(package_name="klarity")
    def klarity() -> None:
        """Report petty corruption, safely and backed by evidence.

        Everything is set by KLARITY_* environment variables. Without any, one process does it all
        and keeps its data in ./data: `klarity serve`, then open http://127.0.0.1:8000/docs.
        """

    @klarity.command()
    def serve() -> None:
        """Serve HTTP, and work beside it unless KLARITY_BACKGROUND is false.

        KLARITY_PORT and KLARITY_HOST say where, KLARITY_SERVICES which services (`klarity
        services` lists them).
        """
        with plain_faults(entry):
            entry.serve()

    @klarity.command()
    def work() -> None:
        """Run relays, policies and projections without HTTP, until stopped.

        For deployments that serve with KLARITY_BACKGROUND=false. Several may run: leases decide
        who works, the others stand by.
        """
        with plain_faults(entry):
            entry.work()

    @klarity.command("services")
    @click.option("--nginx", is_flag=True, help="Print an nginx configuration that joins them.")
    @click.option(
        "--at",
        multiple=True,
        metavar="SERVICE=HOST:PORT",
        help="Where a service runs, for --nginx; repeat it for each.",
    )
    def services_(*, nginx: bool, at: Sequence[str]) -> None:
        """List the services: what each hears, publishes and is for.

        With --nginx, print how one address serves services that run in processes of their own:

            klarity services --nginx --at command:cases=127.0.0.1:8001 ...
        """
        if nginx:
            click.echo(nginx_configuration(_places(at)))
            return
        for service in services():
            click.echo(_described(service))

    @klarity.command()
    @click.argument("name", type=click.Choice([service.name for service in query_services()]))
    def rebuild(name: str) -> None:
        """Build a query service's read model anew from the logs, then let it serve.

        The old one serves meanwhile. Read models in memory are rebuilt at every start instead.
        """
        (service,) = [service for service in query_services() if service.name == name]
        with opened(entry) as tools:
            if not tools.keeps_read_models:
                raise click.ClickException("These read models live in memory: restart what serves.")
            with _bar(f"Rebuilding {name}") as progress:
                handled = tools.rebuilder.rebuild(service, progress)
        click.echo(f"{name} was rebuilt from {handled} events.")

    @klarity.command()
    @click.option(
        "--heads",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Compare with where the logs ended the last time, and then write it to this file.",
    )
    def verify(heads: Path | None) -> None:
        """Recompute all chains and seals, and tell whether any log was changed.

        Whoever can set the whole database back to an earlier state also sets back what would show
        it. Keep the file of --heads where they cannot write, and it shows.
        """
        with opened(entry) as tools:
            good = _verify(tools, heads)
        if not good:
            raise SystemExit(1)

    _add_parked(klarity, entry)
    _add_members(klarity, entry)
    _add_webhooks(klarity, entry)
    _add_what_if(klarity, entry)

    _add_demo(klarity, entry)
    return klarity


def _verify(tools: Tools, heads: Path | None) -> bool:
    """Verify everything; whether there was no fault."""
    kept = json.loads(heads.read_text()) if heads and heads.exists() else {}
    found = {"checkpoints": verify_checkpoints(tools.checkpoints(), tools.stores)}
    ends = {}
    for log, store in tools.stores.items():
        with _bar(f"Verifying {log}") as progress:
            known = {end: bytes.fromhex(running) for end, running in kept.get(log, [])}
            verified = verify_log(store, tools.codec, tools.seals, kept=known, progress=progress)
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
    @click.option("--url", help="Where it is served; by default what the settings say.")
    @click.option("--moderator", metavar="PSEUDONYM", help="A moderator, to decide on flags.")
    @click.option("--passphrase", help="The moderator's; asked for if not given.")
    def demo(url: str | None, moderator: str | None, passphrase: str | None) -> None:
        """Play a town in two languages through the public API of a running Klarity.

        Members register, upload photos and a video, report 120 cases, and support, discuss and flag
        them. Two or three minutes, for Klarity limits how many may join at once.

        `klarity members add NAME --role moderator` makes a moderator.
        """
        judge = None
        if moderator:
            judge = moderator, passphrase or click.prompt("Passphrase", hide_input=True)
        with plain_faults(entry):
            entry.play_demo(url or entry.own_url(), judge)


def _add_parked(klarity: click.Group, entry: Entry) -> None:
    @klarity.group()
    def parked() -> None:
        """Events that a subscriber could not handle.

        Those after such an event in the same stream wait with it; everything else goes on. Each is
        tried again by itself, some times within about an hour, and then when someone decides.

        What feeds a read model is called after its query service and the build, as in cases.1000;
        the service's name alone means all its builds.
        """

    @parked.command("list")
    @click.argument("subscriber", required=False)
    def list_(subscriber: str | None) -> None:
        """List parked events, of one or all subscribers, with their tries and what went wrong."""
        with opened(entry) as tools:
            found = _parked_by(tools, subscriber)
        for item in found:
            decided = f" ({item.verdict} was decided)" if item.verdict else ""
            click.echo(f"{item.subscriber} {item.event.id} {item.event.type}{decided}")
            click.echo(f"    {item.parked_at}: {item.error}")
            click.echo(f"    {_tries_of(item)}")
        click.echo(f"{len(found)} parked.")

    @parked.command()
    @click.argument("subscriber")
    @click.argument("event_id")
    def retry(subscriber: str, event_id: str) -> None:
        """Let the subscriber handle a parked event again, as after mending a fault.

        Those before it in its stream are tried first. An event that was dropped is handled by read
        models that are built from then on.
        """
        if not _take_back(entry, subscriber, event_id):
            _decide(entry, subscriber, event_id, "retry")

    @parked.command()
    @click.argument("subscriber")
    @click.argument("event_id")
    @click.confirmation_option(prompt="The subscriber will never handle this event. Go on?")
    def drop(subscriber: str, event_id: str) -> None:
        """Let the subscriber go on without a parked event, also when it is built anew."""
        _decide(entry, subscriber, event_id, "drop")

    @parked.command()
    @click.argument("service")
    def dropped(service: str) -> None:
        """List the events that a query service or policy goes on without."""
        with opened(entry) as tools:
            found = sorted(tools.parked.dropped(service))
        for event_id in found:
            click.echo(event_id)
        click.echo(f"{len(found)} dropped.")


def _add_members(klarity: click.Group, entry: Entry) -> None:
    @klarity.group()
    def members() -> None:
        """Members, from the operator's side: the first admin is made here."""

    @members.command()
    @click.argument("pseudonym")
    @click.option("--role", type=click.Choice(["moderator", "admin"]))
    @click.password_option("--passphrase")
    def add(pseudonym: str, role: str | None, passphrase: str) -> None:
        """Register a member, with a role if you like; asks for the passphrase."""
        with opened(entry) as tools:
            member_id = tools.add_member(pseudonym, passphrase)
            if role:
                tools.grant(pseudonym, role)
        click.echo(f"{pseudonym} is member {member_id}.")

    @members.command()
    @click.argument("pseudonym")
    @click.argument("role", type=click.Choice(["moderator", "admin"]))
    def grant(pseudonym: str, role: str) -> None:
        """Grant a role to a member."""
        with opened(entry) as tools:
            tools.grant(pseudonym, role)
        click.echo(f"{pseudonym} is {role} now.")


def _add_webhooks(klarity: click.Group, entry: Entry) -> None:
    @klarity.group()
    def webhooks() -> None:
        """Systems of others, such as journalists', that are told when a case becomes public.

        Calls are signed as Standard Webhooks has it, tried six times in about four hours, and
        then parked. They hold what everybody may read, and nothing of the author.
        """

    @webhooks.command()
    @click.argument("url")
    @click.option("--tag", default="", help="Tell only of cases with this tag.")
    @click.option(
        "--category",
        default="",
        type=click.Choice(["", *CaseCategory]),
        help="Tell only of cases of this category.",
    )
    def add(url: str, tag: str, category: str) -> None:
        """Call URL from now on; prints the secret that its calls are signed with, once."""
        with opened(entry) as tools:
            webhook_id, secret = tools.webhooks.add(url, tag, category)
        click.echo(f"Webhook {webhook_id} was added. Its secret is not shown again:\n{secret}")

    @webhooks.command("list")
    def list_() -> None:
        """List the webhooks, and what each is told of."""
        with opened(entry) as tools:
            found = tools.webhooks.list()
        for each in found:
            wanted = " ".join(filter(None, (each.tag and f"tag={each.tag}", each.category)))
            click.echo(f"{each.webhook_id} {each.url} {wanted or 'all cases'}")
        click.echo(f"{len(found)} webhooks.")

    @webhooks.command()
    @click.argument("webhook_id")
    def remove(webhook_id: str) -> None:
        """Call a webhook no more."""
        with opened(entry) as tools:
            tools.webhooks.remove(webhook_id)
        click.echo(f"{webhook_id} is called no more.")

    @webhooks.command()
    @click.option("--parked", is_flag=True, help="Only those that were given up.")
    def deliveries(*, parked: bool) -> None:
        """List the deliveries that have not been heard yet, with what went wrong."""
        with opened(entry) as tools:
            every = tools.webhooks.deliveries()
        found = [each for each in every if not parked or each.status is DeliveryStatus.PARKED]
        for each in found:
            click.echo(_told_of(each))
        click.echo(f"{len(found)} deliveries.")

    @webhooks.command()
    @click.argument("delivery_id")
    def retry(delivery_id: str) -> None:
        """Try a parked delivery again, as after mending the receiver."""
        with opened(entry) as tools:
            tools.webhooks.retry(delivery_id)
        click.echo(f"{delivery_id} will be tried again within seconds.")


def _add_what_if(klarity: click.Group, entry: Entry) -> None:
    @klarity.group("what-if")
    def what_if() -> None:
        """Try another number on what the logs tell, before changing a setting or the code.

        Nothing is changed, and what serves may go on.
        """

    @what_if.command()
    @click.option("--threshold", type=Number(min=0.1), required=True)
    def moderation(threshold: float) -> None:
        """Tell what flags would have hidden with another threshold, rightly or wrongly.

        The flags, and what moderators decided, stay as they were. What is hidden gets no further
        flags, so of a threshold above the true one this shows the least that it would have hidden.
        """
        with opened(entry) as tools:
            then, now = tools.what_if.moderation(threshold), tools.what_if.moderation()
        for hiding in then.hidings:
            click.echo(_hidden(hiding))
        click.echo(_summed_up(f"A threshold of {then.threshold:g}", then))
        click.echo(_summed_up(f"The present one of {now.threshold:g} (KLARITY_HIDE_AT)", now))

    @what_if.command()
    @click.option("--half-life", metavar="DAYS", type=Number(min=0.01), required=True)
    @click.option("--top", default=10, show_default=True, type=click.IntRange(min=1))
    def popular(half_life: float, top: int) -> None:
        """Tell how popular cases would be ordered, were supports worth half after DAYS.

        Lists what comes first now, or would come first then.
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


def _told_of(delivery: WebhookDelivery) -> str:
    planned = delivery.planned
    about = f"{planned.delivery_id} to {planned.webhook_id} of {planned.case_id}" if planned else ""
    return f"{about}: {delivery.status}, tried {delivery.tried} times {delivery.error}".rstrip()


@contextmanager
def plain_faults(entry: Entry) -> Iterator[None]:
    """What an operator can put right is told in one message, without a trace."""
    try:
        yield
    except entry.faults as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def opened(entry: Entry) -> Iterator[Tools]:
    """The tools, with faults told plainly."""
    with plain_faults(entry), entry.open_tools() as tools:
        yield tools


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that is told how much of how much is done."""
    with click.progressbar(length=1, label=label) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield progress


def _parked_by(tools: Tools, name: str | None) -> list[ParkedEvent]:
    """What a subscriber parked, or all builds of a query service, or everybody."""
    return [each for each in tools.parked.list() if name in (None, each.subscriber, each.service)]


def _tries_of(item: ParkedEvent) -> str:
    times = f"tried {item.tries} times" if item.tries else "not tried"
    if item.verdict:
        return f"{times}; {item.verdict} follows"
    if item.retry_at is None:
        return f"{times}; no further try by itself"
    return f"{times}; next try {item.retry_at.isoformat(timespec='seconds')}"


def _take_back(entry: Entry, subscriber: str, event_id: str) -> bool:
    """Forget that an event was dropped which is parked no more."""
    with opened(entry) as tools:
        parked = any(each.event.id == event_id for each in _parked_by(tools, subscriber))
        taken = not parked and tools.parked.take_back(service_of(subscriber), event_id)
    if taken:
        click.echo(f"Read models of {subscriber} that are built anew will handle {event_id}.")
    return taken


def _decide(entry: Entry, subscriber: str, event_id: str, verdict: str) -> None:
    with opened(entry) as tools:
        found = [each for each in _parked_by(tools, subscriber) if each.event.id == event_id]
        if not [each for each in found if tools.parked.decide(each.subscriber, event_id, verdict)]:
            raise click.ClickException(f"{subscriber} has not parked {event_id}.")
    click.echo(f"{subscriber} will {verdict} {event_id} within seconds.")


def _described(service: Service) -> str:
    lines = [f"{service.id:24}{service.about}"]
    if service.publishes:
        lines.append(f"{'':24}publishes {', '.join(service.publishes)}")
    if service.hears:
        lines.append(f"{'':24}hears {', '.join(service.hears)}")
    lines += [f"{'':24}{policy}" for policy in service.policies]
    return "\n".join(lines)


def _places(at: Sequence[str]) -> dict[str, str]:
    """Where each service is, by its id."""
    places = dict(_pair(place) for place in at)
    known = {service.id for service in services()}
    if unknown := sorted(places.keys() - known):
        told = f"{', '.join(unknown)} is no service; `klarity services` lists their ids"
        raise click.BadParameter(told, param_hint="--at")
    if FALLBACK not in places:
        raise click.BadParameter(f"{FALLBACK} answers all the rest: say where", param_hint="--at")
    return places


def _pair(place: str) -> tuple[str, str]:
    name, found, address = place.partition("=")
    if not found or not address:
        raise click.BadParameter(f"{place!r} is not SERVICE=HOST:PORT", param_hint="--at")
    return name, address
