"""Serving evidence, and who may not see it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from application.engine.executor import CommandContext
from application.ports.key_vault import evidence_subject
from application.queries.evidence import EvidenceDocument
from application.use_cases.evidence.media import poster_key, rendition_key
from config.process import Process
from domain.actors import Actor
from domain.evidence.evidence import EvidenceStatus, ReceiveEvidence, commitment_to
from domain.ids import EvidenceId, MediaKind, MemberId
from tests.http.conftest import Caller, problem

Shown = Callable[..., str]


@pytest.fixture
def shown(process: Process, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Lets everybody see a piece of evidence that is like this; its path."""

    def show(**more: Any) -> str:
        item = EvidenceDocument(
            evidence_id=str(uuid4()),
            **{
                "status": EvidenceStatus.AVAILABLE,
                "media_type": "image/jpeg",
                "sha256": "ab" * 32,
                "has_poster": True,
                **more,
            },
        )
        answers = process.container.answers()["evidence"]
        monkeypatch.setattr(answers, "one", lambda *_: item)
        media = process.container.media()
        media.write(rendition_key(item.evidence_id), iter([b"a picture"]))
        media.write(poster_key(item.evidence_id), iter([b"a small picture"]))
        return f"/v1/evidence/{item.evidence_id}"

    return show


def test_content_and_poster_are_served(anybody: Caller, shown: Shown) -> None:
    path = shown()
    content, poster = anybody("GET", f"{path}/content"), anybody("GET", f"{path}/poster")
    assert (content.data, poster.data) == (b"a picture", b"a small picture")
    assert content.headers["ETag"] != poster.headers["ETag"]
    assert content.mimetype == poster.mimetype == "image/jpeg"


def test_evidence_without_a_poster_has_none(anybody: Caller, shown: Shown) -> None:
    path = shown(has_poster=False, media_type="audio/mp4")
    assert anybody("GET", f"{path}/content").status_code == 200
    assert problem(anybody("GET", f"{path}/poster")) == (404, "not-found")


@pytest.mark.parametrize(
    "status", [each for each in EvidenceStatus if each is not EvidenceStatus.AVAILABLE]
)
def test_evidence_that_was_not_made_safe_is_not_served(
    anybody: Caller, shown: Shown, status: EvidenceStatus
) -> None:
    path = shown(status=status)
    for part in ("content", "poster"):
        assert problem(anybody("GET", f"{path}/{part}")) == (404, "not-found")


def test_erased_evidence_is_gone(anybody: Caller, shown: Shown) -> None:
    path = shown(erased=True)
    for part in ("", "/content", "/poster"):
        assert problem(anybody("GET", f"{path}{part}")) == (410, "erased")


def test_evidence_with_a_destroyed_key_is_gone_although_read_models_still_show_it(
    process: Process, anybody: Caller, shown: Shown
) -> None:
    path = shown()
    process.container.vault().destroy(evidence_subject(path.rpartition("/")[2]))
    for part in ("/content", "/poster"):
        assert problem(anybody("GET", f"{path}{part}")) == (410, "erased")


def test_missing_evidence_is_not_found(anybody: Caller) -> None:
    assert problem(anybody("GET", f"/v1/evidence/{uuid4()}/content")) == (404, "not-found")


def received(process: Process, owner: Caller) -> str:
    """Evidence that the caller has uploaded; its path."""
    command = ReceiveEvidence(
        evidence_id=EvidenceId(str(uuid4())),
        kind=MediaKind.PHOTO,
        salt="01" * 32,
        original_sha256="ab" * 32,
        by=Actor(member_id=MemberId(owner.member_id)),
        at=process.container.clock()(),
    )
    evidence = process.container.executors().evidence
    evidence.execute(command.evidence_id, command, CommandContext())
    return f"/v1/evidence/{command.evidence_id}"


def test_the_owner_gets_the_opening_of_the_commitment(process: Process, anna: Caller) -> None:
    reply = anna("GET", f"{received(process, anna)}/opening")
    assert reply.headers["Cache-Control"] == "no-store"
    commitment = commitment_to("ab" * 32, "01" * 32)
    opened = {"commitment": commitment, "salt": "01" * 32, "original_sha256": "ab" * 32}
    assert reply.json == opened


def test_other_members_do_not_get_the_opening_of_the_commitment(
    process: Process, anna: Caller, ben: Caller, moderator: Caller, anybody: Caller
) -> None:
    path = f"{received(process, anna)}/opening"
    assert problem(anybody("GET", path)) == (401, "not-signed-in")
    for other in (ben, moderator):
        assert problem(other("GET", path)) == (404, "not-found")
    assert problem(anna("GET", f"/v1/evidence/{uuid4()}/opening")) == (404, "not-found")
