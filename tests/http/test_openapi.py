"""The OpenAPI document is complete and true: a fuzzing client meets nothing it does not say."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.process import Process
from tests.http.conftest import Caller

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What erases the fuzzing member, or ends their session, would end the fuzzing.
LEFT_OUT = {("DELETE", "/v1/me"), ("DELETE", "/v1/sessions/current")}


def test_every_answer_is_one_that_the_document_announces(process: Process, anna: Caller) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", process.app)
    failures: dict[str, str] = {}
    results: list[Any] = list(schema.get_all_operations())
    operations = [result.ok() for result in results]
    for operation in operations:
        if (operation.method.upper(), operation.path) not in LEFT_OUT:
            try:
                fuzz(operation, {"Authorization": f"Bearer {anna.token}"})
            except Exception as error:  # noqa: BLE001 - whatever it found is shown below
                failures[operation.label] = found(error)
    assert len(operations) > len(LEFT_OUT)
    assert not failures, "\n\n".join(f"{name}: {text}" for name, text in failures.items())


@schemathesis.serializer("application/offset+octet-stream")
def bytes_as_they_are(_: Any, value: Any) -> bytes:
    """How the parts of uploads travel."""
    return value if isinstance(value, bytes) else str(value).encode()


def fuzz(operation: Any, headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=10,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    call()


def found(error: BaseException) -> str:
    parts = [str(each) for each in getattr(error, "exceptions", [error])]
    return "\n".join(parts)[:600]
