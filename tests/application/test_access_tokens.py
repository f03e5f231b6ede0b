"""Access tokens: short-lived proof of who somebody is."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from adapters.credentials.jwt import JwtAccessTokens
from application.ports.access_tokens import AccessTokens

NOW = datetime.now(UTC)


@pytest.fixture
def tokens() -> AccessTokens:
    return JwtAccessTokens(b"k" * 32)


def test_a_token_tells_the_member_and_the_session(tokens: AccessTokens) -> None:
    assert tokens.read(tokens.issue("anna", "session", NOW)) == ("anna", "session")


def test_a_token_is_good_for_its_life_only(tokens: AccessTokens) -> None:
    old = NOW - tokens.life - timedelta(seconds=1)
    assert tokens.read(tokens.issue("anna", "session", old)) is None


def test_a_token_that_was_read_before_ends_all_the_same(
    tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tokens.issue("anna", "session", NOW)
    assert tokens.read(token) == ("anna", "session")
    end = (NOW + tokens.life).timestamp()
    monkeypatch.setattr(time, "time", lambda: end)
    assert tokens.read(token) is None


def test_what_is_no_token_of_ours_proves_nothing(tokens: AccessTokens) -> None:
    foreign = JwtAccessTokens(b"o" * 32).issue("anna", "session", NOW)
    changed = tokens.issue("anna", "session", NOW)[:-4] + "AAAA"
    for token in ("", "nonsense", "a.b.c", foreign, changed):
        assert tokens.read(token) is None
