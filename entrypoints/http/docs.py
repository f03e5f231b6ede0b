"""The API documentation as a page. All its assets come from this server."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import flask_swagger_ui
import msgspec
from flask import Blueprint, Response, send_from_directory

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Klarity API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true});\n'

# Swagger UI has inline styles, and icons in data URLs.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def docs_blueprint(openapi: Callable[[], Mapping[str, Any]]) -> Blueprint:
    """Serve ``GET /openapi.json``, which the first request makes, and ``GET /docs`` to show it."""
    blp = Blueprint("docs", __name__)
    making = Lock()

    @cache
    def document() -> bytes:
        return msgspec.json.encode(openapi())

    @blp.get("/openapi.json")
    def described() -> Response:
        with making:
            return Response(document(), content_type="application/json")

    @blp.get("/docs")
    def page() -> Response:
        reply = Response(PAGE, content_type="text/html; charset=utf-8")
        reply.headers["Content-Security-Policy"] = POLICY
        return reply

    @blp.get("/docs/start.js")
    def start() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8")

    @blp.get("/docs/assets/<path:name>")
    def assets(name: str) -> Response:
        return send_from_directory(ASSETS, name, max_age=86_400)

    return blp
