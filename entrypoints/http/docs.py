"""Documentation that a browser shows, with every asset served from here."""

from pathlib import Path

import flask_swagger_ui
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

# Swagger UI styles its elements inline and shows its icons as data addresses.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def docs_blueprint() -> Blueprint:
    """``GET /docs``."""
    blp = Blueprint("docs", __name__, url_prefix="/docs")

    @blp.get("")
    def page() -> Response:
        reply = Response(PAGE, content_type="text/html; charset=utf-8")
        reply.headers["Content-Security-Policy"] = POLICY
        return reply

    @blp.get("/start.js")
    def start() -> Response:
        return Response(START, content_type="text/javascript; charset=utf-8")

    @blp.get("/assets/<path:name>")
    def assets(name: str) -> Response:
        return send_from_directory(ASSETS, name, max_age=86_400)

    return blp
