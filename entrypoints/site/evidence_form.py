"""Receive a form with evidence, and send each file on to the API before the next one is read.

Each file waits in a folder in memory until its size is known, which the API needs first.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from flask import request
from flask_wtf.csrf import validate_csrf
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from application.ports.sanitiser import SanitiserUnavailable
from entrypoints.site.language import gettext as _
from entrypoints.site.multipart import BrokenForm, FormPart, parts_of
from entrypoints.site.visit import UNAUTHORIZED, Refused, visit
from entrypoints.site.words import words_for

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = 8 << 20
"""Bytes of a file that are sent to the API at a time."""
LARGEST_TEXTS = 200_000

Rooms = Callable[[int], AbstractContextManager[Path]]
"""Makes a folder in memory for so many bytes, and removes it at the end."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file that the API has. ``name`` is what its owner calls it; nobody else learns that."""

    evidence_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.evidence_id} {self.name}"


@dataclass(slots=True)
class EvidenceForm:
    """What a form held. ``problems`` says in words what went wrong; its sender can mend that."""

    fields: MultiDict[str, str] = field(default_factory=MultiDict)
    files: list[Arrived] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refused: Refused | None = None
    trusted: bool = False
    """Whether the form is from a page of this site that was made for this visitor."""

    @property
    def is_good(self) -> bool:
        return self.trusted and not self.problems and self.refused is None

    @property
    def evidence(self) -> list[str]:
        return list(dict.fromkeys(each.evidence_id for each in self.files))


class EvidenceForms:
    """Receives forms with evidence. Fields that allow it to be stored come before the files: the
    token of the page and, if the session has ended meanwhile, name and passphrase."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def receive(self) -> EvidenceForm:
        """Read the form of the current request. What arrived before a problem is kept."""
        form = EvidenceForm()
        # Each file has a limit of its own. werkzeug refuses a body that reaches its limit.
        request.max_content_length = (request.content_length or LARGEST_TEXTS) + 1
        try:
            for part in parts_of(request):
                self._take(form, part)
        except RequestEntityTooLarge:
            form.problems.append(_("This is too large to be sent."))
        except (BrokenForm, ClientDisconnected):
            form.problems.append(_("The connection broke before all of it had arrived."))
        _admit(form)
        form.files[:0] = _kept(form)
        return form

    def _take(self, form: EvidenceForm, part: FormPart) -> None:
        if part.filename is None:
            form.fields.add(part.name, _text(part))
        elif part.filename:
            _admit(form)
            if form.trusted and form.refused is None:
                self._send_on(form, part.filename, part.pieces)

    def _send_on(self, form: EvidenceForm, name: str, pieces: Iterator[bytes]) -> None:
        """Send one file to the API, from a folder that is removed before the next one is read.

        Somebody who is not signed in is refused first, so that strangers cannot fill the memory.
        """
        try:
            visit.get("/me")
            largest: int = visit.get("/instance")["limits"]["largest_upload"]
            with self._rooms(min(largest, request.content_length or largest)) as room:
                digest = _written(room / "original", pieces, largest)
                evidence_id = _upload(room / "original", f"{form.fields.get('case_id')} {digest}")
            form.files.append(Arrived(evidence_id, name))
        except Refused as refused:
            form.refused = refused if refused.status == UNAUTHORIZED else form.refused
            form.problems.append(f"{name}: {words_for(refused)}")
        except RequestEntityTooLarge:
            form.problems.append(f"{name}: {_('This is too large to be sent.')}")
        except SanitiserUnavailable:
            form.problems.append(
                f"{name}: {_('Many people are sending something now. Try again.')}"
            )


def _admit(form: EvidenceForm) -> None:
    """Check the token of the page, and sign the visitor in if they ask for that."""
    if form.trusted:
        return
    with suppress(ValueError):
        validate_csrf(form.fields.get("csrf_token"))
        form.trusted = True
        _sign_in(form)


def _sign_in(form: EvidenceForm) -> None:
    try:
        visit.renew()
        if name := form.fields.get("pseudonym", "").strip():
            visit.sign_in(name, form.fields.get("passphrase", ""))
    except Refused as refused:
        form.refused = refused


def _text(part: FormPart) -> str:
    text = b""
    for piece in part.pieces:
        text += piece
        if len(text) > LARGEST_TEXTS:
            raise RequestEntityTooLarge
    return text.decode(errors="replace")


def _written(path: Path, pieces: Iterator[bytes], largest: int) -> str:
    """Write a file, and return its hash. Raises RequestEntityTooLarge."""
    digest, left = sha256(), largest
    with path.open("wb") as file:
        for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise RequestEntityTooLarge
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _upload(path: Path, once: str) -> str:
    """Send a file to the API, and return its evidence id: the same one for the same ``once``."""
    size = path.stat().st_size
    headers = {**TUS, "Upload-Length": str(size), "Idempotency-Key": once}
    begun = visit.pass_on("POST", "/uploads", headers).headers
    where, offset = begun["Location"].removeprefix("/v1"), _offset(begun)
    with path.open("rb") as file:
        while offset < size:
            file.seek(offset)
            offset = _append(where, offset, file.read(PIECE))
    return where.rpartition("/")[2]


def _append(where: str, offset: int, content: bytes) -> int:
    """Send the next bytes, and return the offset after them."""
    headers = {
        **TUS,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
    }
    try:
        return _offset(visit.pass_on("PATCH", where, headers, content).headers)
    except Refused as refused:
        if refused.code != "wrong-offset":
            raise
        # The form was sent twice, and the other request was faster.
        return _offset(visit.pass_on("HEAD", where, TUS).headers)


def _offset(headers: Headers) -> int:
    return int(headers["Upload-Offset"])


def _kept(form: EvidenceForm) -> list[Arrived]:
    """Return the files that arrived with an earlier attempt, and that the sender still wants."""
    pairs = (each.partition(" ") for each in form.fields.getlist("evidence"))
    return [Arrived(evidence_id, name) for evidence_id, _space, name in pairs]
