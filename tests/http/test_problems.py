"""Errors that Flask and its extensions raise become problems with a code of their own status."""

from collections.abc import Mapping
from typing import NoReturn

import pytest
from flask import Flask, abort
from werkzeug.exceptions import default_exceptions

from entrypoints.http.problems import MEANINGS, ProblemApi, register_problems

STATUSES = {status for status, _ in MEANINGS.values()} & default_exceptions.keys()


def reply_to(status: int) -> Mapping[str, object]:
    app = Flask("refusing")
    app.config.update(API_TITLE="Test", API_VERSION="1", OPENAPI_VERSION="3.1.0")
    ProblemApi(app)
    register_problems(app)

    @app.get("/")
    def refuse() -> NoReturn:
        abort(status)

    reply = app.test_client().get("/")
    assert reply.status_code == status
    return reply.json or {}


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_an_error_gets_the_code_of_its_status(status: int) -> None:
    code = str(reply_to(status)["type"]).removeprefix("/problems/")
    assert MEANINGS[code][0] == status


@pytest.mark.parametrize(("status", "code"), [(414, "malformed"), (502, "internal")])
def test_an_error_with_another_status_gets_a_general_code(status: int, code: str) -> None:
    assert reply_to(status)["type"] == f"/problems/{code}"
