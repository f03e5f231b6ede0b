"""The OpenAPI document is complete: a fuzzing client gets no reply that it does not announce."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from config.process import Process
from entrypoints.http import updates
from tests.http.conftest import Caller

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    allow_header_conformance,
    ignored_auth,
    unsupported_method,
]
CHECKS_OF = {
    GenerationMode.POSITIVE: [*CHECKS, positive_data_acceptance],
    GenerationMode.NEGATIVE: [*CHECKS, negative_data_rejection, missing_required_header],
}
# What fits the document is not "invalid", but may name what is not there, or a token of nobody's.
TAKEN = ["2xx", "3xx", "400", "401", "403", "404", "409", "410", "412", "413", "416", "460", "501"]
# tus wants 412 where Tus-Resumable is not as it should be.
REFUSED = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "501"]
# oEmbed wants 501 where another format than JSON is asked for.
REFUSED_WITH_501 = {"GET /oembed"}
PARTS = 3
"""Each part of the operations is fuzzed by a worker of its own."""
# What erases the fuzzing member, or ends their session, would end the fuzzing. Exports are limited.
LEFT_OUT = {
    ("GET", "/v1/me/export"),
    ("DELETE", "/v1/me"),
    ("DELETE", "/v1/sessions"),
    ("DELETE", "/v1/sessions/current"),
}
# A box, a point or a name is more than a text, which is all that the document can say of it.
RICHER_THAN_TEXT = {
    "POST /v1/members",
    "GET /v1/cases",
    "GET /v1/cases.csv",
    "GET /v1/cases/clusters",
    "GET /v1/cases.geojson",
    "GET /v1/feeds/cases.atom",
    "GET /v1/search",
}


@pytest.fixture(scope="module")
def operations(process: Process) -> list[Any]:
    """Every operation of the document."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", process.app)
    schema.config.checks.positive_data_acceptance.expected_statuses = TAKEN
    schema.config.checks.negative_data_rejection.expected_statuses = REFUSED
    results: list[Any] = list(schema.get_all_operations())
    return [result.ok() for result in results]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", CHECKS_OF, ids=lambda mode: mode.value)
def test_every_reply_is_announced_by_the_document(
    operations: list[Any],
    anna: Caller,
    mode: GenerationMode,
    part: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(updates, "LONGEST_SECONDS", 0.0)
    assert len(operations) > len(LEFT_OUT) + PARTS
    failures: dict[str, str] = {}
    for operation in operations[part::PARTS]:
        if (operation.method.upper(), operation.path) not in LEFT_OUT:
            try:
                fuzz(operation, mode, {"Authorization": f"Bearer {anna.token}"})
            except (Exception, FailureGroup) as error:  # noqa: BLE001 - it is shown below
                failures[operation.label] = str(error)[:1000]
    assert not failures, "\n\n".join(f"{name}: {text}" for name, text in failures.items())


@schemathesis.serializer("application/offset+octet-stream")
def bytes_as_they_are(_: Any, value: Any) -> bytes:
    """How the parts of uploads travel."""
    return value if isinstance(value, bytes) else str(value).encode()


def fuzz(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> None:
    left_out = {positive_data_acceptance} if operation.label in RICHER_THAN_TEXT else set()
    left_out |= {not_a_server_error} if operation.label in REFUSED_WITH_501 else set()
    checks = [check for check in CHECKS_OF[mode] if check not in left_out]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=6,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=checks)

    try:
        call()
    except Unsatisfiable:
        # Where there are no parameters but headers of any text, nothing can be wrong with them.
        assert mode is GenerationMode.NEGATIVE
        assert {each["in"] for each in operation.definition.raw.get("parameters", ())} <= {"header"}


def test_the_document_is_the_same_for_every_request(process: Process) -> None:
    client = process.app.test_client()
    assert client.get("/openapi.json").data == client.get("/openapi.json").data


def test_every_parameter_is_described(process: Process) -> None:
    document: Any = process.app.test_client().get("/openapi.json").json
    parameters = document["paths"]["/v1/cases"]["get"]["parameters"]
    names = {parameter["name"] for parameter in parameters}
    assert names >= {"limit", "cursor", "category", "near", "created_after", "Klarity-Token"}
    (category,) = [each for each in parameters if each["name"] == "category"]
    assert "bribery" in category["schema"]["enum"]


def test_the_viewer_is_no_parameter_of_a_list(process: Process) -> None:
    document: Any = process.app.test_client().get("/openapi.json").json
    operations = [each.get("get", {}) for each in document["paths"].values()]
    parameters = [each for operation in operations for each in operation.get("parameters", ())]
    assert "viewer" not in {parameter["name"] for parameter in parameters}


def test_the_description_of_erasure_warns_authors_of_anonymous_cases(process: Process) -> None:
    document: Any = process.app.test_client().get("/openapi.json").json
    assert "`anonymous_later`" in document["paths"]["/v1/me"]["delete"]["description"]


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/cases/{case_id}/evidence"])
def test_the_description_of_evidence_warns_authors_of_anonymous_cases(
    process: Process, path: str
) -> None:
    document: Any = process.app.test_client().get("/openapi.json").json
    told = document["paths"][path]["post"]["description"]
    assert "Evidence of an anonymous case cannot support another case" in told
    assert "but what can be seen and heard in them" in told


def test_every_reply_is_described_with_its_headers(process: Process) -> None:
    document: Any = process.app.test_client().get("/openapi.json").json
    assert document["info"]["version"]
    replies = document["paths"]["/v1/cases"]["post"]["responses"]
    assert {"201", "400", "401", "408", "409", "413", "415", "422", "429", "503"} <= replies.keys()
    assert {"Location", "ETag", "Klarity-Token", "X-Request-Id"} <= replies["201"]["headers"].keys()
    problems = document["components"]["responses"]
    assert replies["429"] == {"$ref": "#/components/responses/Problem429"}
    assert {"Retry-After", "RateLimit-Reset"} <= problems["Problem429"]["headers"].keys()
    assert "WWW-Authenticate" in problems["Problem401"]["headers"]
