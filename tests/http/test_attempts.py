"""Attempts to sign in: guesses are limited, and no attacker locks out other members."""

from itertools import count
from typing import Any

import pytest

from config.process import Process
from tests.http.conftest import PASSPHRASE, Caller, problem

HERE, ACCOUNT, NETWORK = 2, 4, 6
TOO_MANY = (429, "too-many-requests")
_networks = count(1)


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    return {
        "SIGN_IN_LIMIT": f"{HERE} per year",
        "SIGN_IN_ACCOUNT_LIMIT": f"{ACCOUNT} per day",
        "SIGN_IN_NETWORK_LIMIT": f"{NETWORK} per day",
        "PROXIES": "1",
    }


@pytest.fixture
def cafe() -> str:
    """A network that many share."""
    return network()


@pytest.fixture
def guest(process: Process) -> Caller:
    return member(process)


@pytest.fixture
def neighbour(process: Process) -> Caller:
    return member(process)


def network() -> str:
    return f"198.51.100.{next(_networks)}"


def member(process: Process) -> Caller:
    """A member who registered and signed in from a network of their own."""
    caller = Caller(process.app.test_client())
    account = {"pseudonym": caller.pseudonym, "passphrase": PASSPHRASE}
    home = {"X-Forwarded-For": network()}
    caller.member_id = caller("POST", "/v1/members", account, headers=home).json["member_id"]
    tokens = caller("POST", "/v1/sessions", account, headers=home).json
    caller.token, caller.refresh_token = tokens["access_token"], tokens["refresh_token"]
    return caller


def sign_in(caller: Caller, address: str, passphrase: str = PASSPHRASE, **headers: str) -> Any:
    body = {"pseudonym": caller.pseudonym, "passphrase": passphrase}
    return caller("POST", "/v1/sessions", body, headers={"X-Forwarded-For": address, **headers})


def guess(caller: Caller, address: str) -> int:
    """The status of a wrong guess by somebody else."""
    status: int = sign_in(caller, address, "a wrong guess", Authorization="").status_code
    return status


def refresh(caller: Caller, address: str, token: str) -> Any:
    headers = {"X-Forwarded-For": address}
    return caller("POST", "/v1/sessions/refresh", {"refresh_token": token}, headers=headers)


def test_guesses_from_one_network_at_one_account_are_limited(guest: Caller, cafe: str) -> None:
    assert [guess(guest, cafe) for _ in range(HERE + 1)] == [401] * HERE + [429]
    reply = sign_in(guest, cafe)
    assert problem(reply) == TOO_MANY
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.json["detail"].startswith("Too many attempts with a passphrase; try again in ")
    assert reply.headers["RateLimit-Limit"] == str(HERE)


def test_guesses_at_one_account_do_not_lock_out_others_in_the_network(
    guest: Caller, neighbour: Caller, cafe: str
) -> None:
    for _ in range(NETWORK * 2):
        guess(guest, cafe)
    assert sign_in(neighbour, cafe).status_code == 201


def test_guesses_from_one_network_do_not_lock_out_the_member_elsewhere(
    guest: Caller, cafe: str
) -> None:
    for _ in range(ACCOUNT * 2):
        guess(guest, cafe)
    assert sign_in(guest, network()).status_code == 201


def test_neighbouring_ipv6_networks_count_as_one(guest: Caller) -> None:
    own = [f"2001:db8:7:{number:x}::1" for number in range(ACCOUNT)]
    assert [guess(guest, each) for each in own] == [401] * HERE + [429] * (ACCOUNT - HERE)
    assert sign_in(guest, "2001:db8:8::1").status_code == 201


def test_guesses_from_many_networks_at_one_account_are_limited(guest: Caller) -> None:
    statuses = [guess(guest, network()) for _ in range(ACCOUNT + 1)]
    assert statuses == [401] * ACCOUNT + [429]


def test_a_signed_in_member_can_continue_while_others_guess(guest: Caller) -> None:
    for _ in range(ACCOUNT + 1):
        guess(guest, network())
    assert refresh(guest, network(), guest.refresh_token).status_code == 201
    assert guest("GET", "/v1/me").status_code == 200


def test_guesses_from_one_network_at_many_accounts_are_limited(process: Process, cafe: str) -> None:
    accounts = [Caller(process.app.test_client()) for _ in range(NETWORK + 1)]
    assert [guess(each, cafe) for each in accounts] == [401] * NETWORK + [429]


def test_attempts_refused_for_their_network_do_not_count_against_the_account(
    process: Process, guest: Caller
) -> None:
    for crowded in (network(), network()):
        for _ in range(NETWORK):
            guess(Caller(process.app.test_client()), crowded)
        assert [guess(guest, crowded) for _ in range(ACCOUNT)] == [429] * ACCOUNT
    assert sign_in(guest, network()).status_code == 201


def test_successful_attempts_do_not_count_against_the_network(process: Process, cafe: str) -> None:
    guests = [member(process) for _ in range(NETWORK // HERE + 1)]
    replies = [sign_in(guest, cafe) for guest in guests for _ in range(HERE)]
    assert {reply.status_code for reply in replies} == {201}
    assert [reply.headers["RateLimit-Remaining"] for reply in replies[:HERE]] == ["1", "0"]
    assert problem(sign_in(guests[0], cafe)) == TOO_MANY
    assert sign_in(guests[0], network()).status_code == 201


def test_attempts_are_counted_for_all_spellings_of_a_pseudonym(guest: Caller, cafe: str) -> None:
    for name in (guest.pseudonym.upper(), f" {guest.pseudonym.lower()}"):
        guest.pseudonym = name
        guess(guest, cafe)
    assert problem(sign_in(guest, cafe)) == TOO_MANY


@pytest.mark.parametrize("body", [{}, [], {"pseudonym": 7, "passphrase": 7}])
def test_malformed_attempts_do_not_count_against_members(
    guest: Caller, cafe: str, body: Any
) -> None:
    headers = {"X-Forwarded-For": cafe}
    statuses = [
        guest("POST", "/v1/sessions", body, headers=headers).status_code for _ in range(HERE + 1)
    ]
    assert statuses == [422] * HERE + [429]
    assert sign_in(guest, cafe).status_code == 201


def test_forged_refresh_tokens_do_not_prevent_others_in_the_network_from_refreshing(
    guest: Caller, neighbour: Caller, cafe: str
) -> None:
    statuses = [refresh(neighbour, cafe, "made-up").status_code for _ in range(NETWORK + 1)]
    assert statuses == [401] * NETWORK + [429]
    assert refresh(guest, cafe, guest.refresh_token).status_code == 201


def test_refreshes_of_one_session_are_limited(guest: Caller, neighbour: Caller) -> None:
    token = guest.refresh_token
    for _ in range(NETWORK):
        token = refresh(guest, network(), token).json["refresh_token"]
    assert problem(refresh(guest, network(), token)) == TOO_MANY
    assert refresh(neighbour, network(), neighbour.refresh_token).status_code == 201


def test_registrations_from_one_network_are_limited_and_others_can_sign_in(
    process: Process, guest: Caller, cafe: str
) -> None:
    def register() -> int:
        new = Caller(process.app.test_client())
        body = {"pseudonym": new.pseudonym, "passphrase": PASSPHRASE}
        reply = new("POST", "/v1/members", body, headers={"X-Forwarded-For": cafe})
        return int(reply.status_code)

    assert [register() for _ in range(NETWORK + 1)] == [201] * NETWORK + [429]
    assert sign_in(guest, cafe).status_code == 201


def test_guesses_with_a_stolen_access_token_are_limited(guest: Caller, process: Process) -> None:
    wrong = {"passphrase": "a wrong guess"}
    change = {"current": "a wrong guess", "new": PASSPHRASE}
    assert guest("DELETE", "/v1/me", wrong).status_code == 403
    assert guest("PUT", "/v1/me/passphrase", change).status_code == 403
    assert problem(guest.leave()) == TOO_MANY
    again = Caller(process.app.test_client())
    again.token = sign_in(guest, network()).json["access_token"]
    assert again.leave().status_code == 202


@pytest.mark.parametrize("token", ["", "made-up"])
def test_attempts_to_erase_without_signing_in_are_limited(
    anybody: Caller, cafe: str, token: str
) -> None:
    headers = {"X-Forwarded-For": cafe, "Authorization": f"Bearer {token}"}
    body = {"passphrase": PASSPHRASE}
    statuses = [
        anybody("DELETE", "/v1/me", body, headers=headers).status_code for _ in range(HERE + 1)
    ]
    assert statuses == [401] * HERE + [429]
