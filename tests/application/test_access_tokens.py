"""Access tokens: short-lived credentials that name a member and a session."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from adapters.credentials.jwt import JwtAccessTokens
from application.ports.access_tokens import AccessTokens


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def tokens() -> AccessTokens:
    return JwtAccessTokens(b"k" * 32)


def test_a_token_holds_the_member_and_the_session(tokens: AccessTokens, now: datetime) -> None:
    assert tokens.read(tokens.issue("anna", "session", now)) == ("anna", "session")


def test_an_expired_token_is_invalid(tokens: AccessTokens, now: datetime) -> None:
    old = now - tokens.life - timedelta(seconds=1)
    assert tokens.read(tokens.issue("anna", "session", old)) is None


def test_a_token_that_was_read_before_it_expired_is_invalid_afterwards(
    tokens: AccessTokens, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.issue("anna", "session", now)
    assert tokens.read(token) == ("anna", "session")
    end = (now + tokens.life).timestamp()
    monkeypatch.setattr(time, "time", lambda: end)
    assert tokens.read(token) is None


def test_a_malformed_foreign_or_changed_token_is_invalid(
    tokens: AccessTokens, now: datetime
) -> None:
    foreign = JwtAccessTokens(b"o" * 32).issue("anna", "session", now)
    changed = tokens.issue("anna", "session", now)[:-4] + "AAAA"
    for token in ("", "nonsense", "a.b.c", foreign, changed):
        assert tokens.read(token) is None


def test_a_token_stays_valid_when_the_clock_is_turned_back(
    tokens: AccessTokens, now: datetime
) -> None:
    before = now + timedelta(hours=1)
    assert tokens.read(tokens.issue("anna", "session", before)) == ("anna", "session")
