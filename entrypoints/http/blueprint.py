"""flask-smorest's Blueprint, reading JSON once and strictly, and documenting all parameters."""

from typing import Any

import flask_smorest
from flask import Request
from webargs.flaskparser import FlaskParser

from entrypoints.http.problems import refuse


class StrictParser(FlaskParser):
    """Reads bodies with the application's own JSON, and where one is due, insists on it."""

    def _raw_load_json(self, req: Request) -> Any:
        if not req.get_data(cache=True):
            refuse("malformed", "A body of JSON is missing.")
        return req.get_json()


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest comes without types
    """What our own resources are made with."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_document_all_parameters)


def _document_all_parameters(
    doc: dict[str, Any], doc_info: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """Let parameters that ``doc`` names stand beside those of ``arguments``, not replace them."""
    named = doc_info.get("manual_doc", {}).pop("parameters", [])
    return {**doc, "parameters": [*doc.get("parameters", []), *named]}
