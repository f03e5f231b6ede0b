"""The registry of webhooks: the systems to notify, and of which cases."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, NewType, assert_never
from urllib.parse import urlsplit

from domain.actors import Actor
from domain.constraints import Length, OneLine
from domain.decider import Decider, DomainError, exact_times, must_be_system

MOST_WEBHOOKS = 100
LONGEST_URL = 2000
REGISTRY = "registry"

WebhookId = NewType("WebhookId", str)
Url = Annotated[str, Length(1, LONGEST_URL), OneLine()]


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWebhook:
    """``tag`` and ``category`` select the cases. An empty one selects all."""

    webhook_id: WebhookId
    url: Url
    tag: str = ""
    category: str = ""
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWebhook:
    webhook_id: WebhookId
    by: Actor
    at: datetime


WebhookCommand = AddWebhook | RemoveWebhook


# Events. None contains the secret that signs the calls.


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAdded:
    webhook_id: WebhookId
    url: str
    tag: str = ""
    category: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRemoved:
    webhook_id: WebhookId
    at: datetime


WebhookEvent = WebhookAdded | WebhookRemoved


# State


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All webhooks of the instance, in one stream."""

    webhooks: tuple[WebhookAdded, ...] = ()

    def find(self, webhook_id: WebhookId) -> WebhookAdded | None:
        return next((each for each in self.webhooks if each.webhook_id == webhook_id), None)


def decide(command: WebhookCommand, state: Registry) -> list[WebhookEvent]:
    """The rules: which events a command leads to, or the DomainError it breaks."""
    must_be_system(command.by, "Only the operator can change webhooks.")
    match command:
        case AddWebhook():
            return _add(command, state)
        case RemoveWebhook():
            return _remove(command, state)
        case _:
            assert_never(command)


def evolve(state: Registry, event: WebhookEvent) -> Registry:
    """Return the state after the event."""
    match event:
        case WebhookAdded():
            return replace(state, webhooks=(*state.webhooks, event))
        case WebhookRemoved():
            kept = tuple(each for each in state.webhooks if each.webhook_id != event.webhook_id)
            return replace(state, webhooks=kept)
        case _:
            assert_never(event)


registry_decider: Decider[WebhookCommand, Registry, WebhookEvent] = Decider(
    category="webhook", initial=Registry(), decide=decide, evolve=evolve, grain=exact_times
)


def _add(command: AddWebhook, state: Registry) -> list[WebhookEvent]:
    if len(state.webhooks) >= MOST_WEBHOOKS:
        raise DomainError(
            "too-many-webhooks", f"There are {MOST_WEBHOOKS} webhooks; remove one first."
        )
    if not _is_callable(command.url):
        raise DomainError(
            "bad-webhook-url", "The address must be an https URL without credentials."
        )
    added = WebhookAdded(
        webhook_id=command.webhook_id,
        url=command.url,
        tag=command.tag,
        category=command.category,
        at=command.at,
    )
    return [added]


def _remove(command: RemoveWebhook, state: Registry) -> list[WebhookEvent]:
    if not state.find(command.webhook_id):
        raise DomainError("not-found", "There is no such webhook.")
    return [WebhookRemoved(webhook_id=command.webhook_id, at=command.at)]


def _is_callable(url: str) -> bool:
    """Return whether the URL is absolute, of http or https, and without credentials."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_plain = url.isprintable() and url.isascii() and " " not in url and len(url) <= LONGEST_URL
    return has_host and is_plain and parts.scheme in ("https", "http") and "@" not in parts.netloc
