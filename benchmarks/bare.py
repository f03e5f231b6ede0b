"""The floor of the HTTP benchmarks: a bare Flask application over MongoDB, and nothing else.

It reads ``BARE_MONGO_URL``, and is served by the same server as Klarity with as many threads.
"""

import os
from typing import Any
from uuid import uuid4

from flask import Flask, Response, jsonify, request
from pymongo import MongoClient
from pymongo.collection import Collection

from adapters.mongo import DURABLE

app = Flask(__name__)
_client: MongoClient[dict[str, Any]] = MongoClient(os.environ["BARE_MONGO_URL"])
_cases: Collection[dict[str, Any]] = _client["bare"].get_collection("cases", write_concern=DURABLE)


@app.post("/v1/cases")
def report() -> tuple[Response, int]:
    """Parse JSON, insert it durably."""
    case = {**request.get_json(), "_id": str(uuid4())}
    _cases.insert_one(case)
    return jsonify(case_id=case["_id"], status="awaiting_evidence"), 201


@app.get("/v1/cases/<case_id>")
def one(case_id: str) -> Response:
    """One document by its key."""
    return jsonify(_cases.find_one({"_id": case_id}))


@app.get("/v1/cases")
def page() -> Response:
    """Twenty documents, the newest first."""
    return jsonify(items=list(_cases.find().sort("published_at", -1).limit(20)))
