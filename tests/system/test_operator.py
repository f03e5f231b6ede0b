"""The commands of the operator beside a running service on the embedded default."""

import subprocess
from pathlib import Path

import pytest

from tests.system.deployment import KLARITY, Klarity, environment, one_process, relaxed
from tests.system.phone import Phone, assert_becomes, eventually

pytestmark = pytest.mark.system


def command(klarity: Klarity, *arguments: str) -> str:
    """What a command prints that is run beside the service, with the same settings."""
    done = subprocess.run(
        [KLARITY, *arguments],
        env=environment(klarity.settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_operators_commands_work_beside_a_running_service(tmp_path: Path) -> None:
    with one_process(tmp_path, **relaxed()) as klarity, Phone(klarity.url, "Operator") as phone:
        added = command(
            klarity,
            *("members", "add", phone.pseudonym, "--role", "admin"),
            *("--passphrase", phone.passphrase),
        )
        member_id = added.split()[-1].rstrip(".")
        phone.sign_in()
        # A role that was granted by another process is one from the next request on.
        assert phone.get("/v1/moderation/queue").status_code == 200
        seen = eventually(lambda: found(phone, f"/v1/members/{member_id}"))
        assert seen["pseudonym"] == phone.pseudonym

        webhook_id = command(klarity, "webhooks", "add", "https://news.example/hook").split()[1]
        assert webhook_id in command(klarity, "webhooks", "list")
        assert "0 parked" in command(klarity, "parked", "list")
        assert "0 faults" in command(klarity, "verify")
        assert "hides 0" in command(klarity, "what-if", "moderation", "--threshold", "1")

        case_id = phone.report().json()["case_id"]
        assert_becomes(lambda: phone.get(f"/v1/cases/{case_id}").status_code, 200)


def found(phone: Phone, path: str) -> dict[str, str] | None:
    reply = phone.get(path)
    body: dict[str, str] = reply.json()
    return body if reply.status_code == 200 else None
