"""Public cases for tests, published without sanitising their evidence."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import uuid4

from PIL import Image

from application.engine.executor import CommandContext
from application.use_cases.evidence.media import poster_key
from config.process import Process
from domain.actors import SYSTEM
from domain.cases.case_commands import AcceptEvidence
from domain.ids import EvidenceId, MediaKind
from entrypoints.http.requests import TOKEN_HEADER, write_token
from tests.http.conftest import Caller


@dataclass(frozen=True)
class PublicCase:
    """A case, and the header that lets a question see it as it was left here."""

    case_id: str
    evidence_id: str
    seen: dict[str, str]


def publish(
    process: Process, author: Caller, kind: MediaKind = MediaKind.PHOTO, **body: Any
) -> PublicCase:
    """Report a case and let a piece of evidence be verified."""
    evidence_id = EvidenceId(str(uuid4()))
    case_id = author.report(**{**body, "evidence": [evidence_id]}).json["case_id"]
    command = AcceptEvidence(
        evidence_id=evidence_id,
        kind=kind,
        sha256="ab" * 32,
        commitment="cd" * 32,
        by=SYSTEM,
        at=now(process),
    )
    receipt = process.container.executors().cases.execute(case_id, command, CommandContext())
    with process.app.app_context():
        return PublicCase(case_id, evidence_id, {TOKEN_HEADER: write_token(receipt)})


def withdraw(author: Caller, case: PublicCase) -> dict[str, str]:
    """Let its author take it back; the header that lets a question see that."""
    reply = author("DELETE", f"/v1/cases/{case.case_id}")
    assert reply.status_code == 204
    return {TOKEN_HEADER: reply.headers[TOKEN_HEADER]}


def add_poster(process: Process, case: PublicCase, size: tuple[int, int]) -> None:
    """Keep a still picture of its evidence."""
    content = BytesIO()
    Image.new("RGB", size, "teal").save(content, "JPEG")
    process.container.media().write(poster_key(case.evidence_id), iter([content.getvalue()]))


def now(process: Process) -> Any:
    return process.container.clock()()
