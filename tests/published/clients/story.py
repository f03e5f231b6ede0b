"""Report cases, upload evidence and page, with the client that openapi-python-client generated.

Takes the address of a Klarity and a photo. Prints the ids of the cases, as reported and as listed.
"""

import json
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from klarity_client import AuthenticatedClient, Client
from klarity_client.api.cases import cases_list, cases_report, cases_single
from klarity_client.api.members import members_register
from klarity_client.api.sessions import sessions_sign_in
from klarity_client.api.uploads import uploads_append, uploads_create
from klarity_client.models import (
    CaseDocument,
    CaseDocumentPage,
    CaseDocumentStatus,
    Registration,
    Report,
    Reported,
    SignIn,
    Tokens,
    UploadsAppendTusResumable,
    UploadsCreateTusResumable,
)
from klarity_client.types import UNSET, File, Unset

URL, PHOTO = sys.argv[1], Path(sys.argv[2])
NAME, PASSPHRASE = "A generated client", "four plain words here"
SECONDS_TO_PUBLISH = 300


def signed_in() -> AuthenticatedClient:
    anybody = Client(base_url=URL)
    members_register.sync(client=anybody, body=Registration(pseudonym=NAME, passphrase=PASSPHRASE))
    tokens = sessions_sign_in.sync(
        client=anybody, body=SignIn(pseudonym=NAME, passphrase=PASSPHRASE)
    )
    assert isinstance(tokens, Tokens), tokens
    return AuthenticatedClient(base_url=URL, token=tokens.access_token)


def uploaded(client: AuthenticatedClient) -> UUID:
    size = PHOTO.stat().st_size
    created = uploads_create.sync_detailed(
        client=client,
        tus_resumable=UploadsCreateTusResumable.VALUE_0,
        upload_length=size,
        body=UNSET,
    )
    upload_id = UUID(created.headers["Location"].rpartition("/")[2])
    with PHOTO.open("rb") as photo:
        appended = uploads_append.sync_detailed(
            upload_id,
            client=client,
            tus_resumable=UploadsAppendTusResumable.VALUE_0,
            upload_offset=0,
            body=File(payload=photo),
        )
    assert appended.headers["Upload-Offset"] == str(size), appended
    return upload_id


def reported(client: AuthenticatedClient, title: str, evidence: UUID) -> UUID:
    body = Report(title=title, story="They asked for money.", evidence=[evidence])
    reply = cases_report.sync(client=client, body=body)
    assert isinstance(reply, Reported), reply
    until = time.monotonic() + SECONDS_TO_PUBLISH
    while not is_public(client, UUID(str(reply.case_id))):
        assert time.monotonic() < until, "the case was not published"
        time.sleep(0.1)
    return UUID(str(reply.case_id))


def is_public(client: AuthenticatedClient, case_id: UUID) -> bool:
    case = cases_single.sync(case_id, client=client)
    return isinstance(case, CaseDocument) and case.status == CaseDocumentStatus.PUBLISHED


def listed(client: AuthenticatedClient) -> list[str]:
    """All public cases, page by page."""
    found: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        reply = cases_list.sync_detailed(client=client, limit=1, cursor=cursor)
        assert isinstance(reply.parsed, CaseDocumentPage), reply
        found += [str(case.case_id) for case in reply.parsed.items]
        if "Link" not in reply.headers:
            return found
        following = reply.headers["Link"].partition("<")[2].partition(">")[0]
        (cursor,) = parse_qs(urlsplit(following).query)["cursor"]


def main() -> None:
    client = signed_in()
    evidence = uploaded(client)
    cases = [str(reported(client, title, evidence)) for title in ("Paid once", "Paid twice")]
    print(json.dumps({"reported": cases, "listed": listed(client)}))  # noqa: T201 - its result


main()
