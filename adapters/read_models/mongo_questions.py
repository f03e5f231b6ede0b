"""Questions to a read model, as MongoDB understands them."""

from math import pi
from typing import Any

import pymongo

from adapters.mongo import Document
from adapters.read_models.indexing import EARTH_KM, scalar
from application.ports.read_models import (
    Between,
    Condition,
    Cursor,
    Equals,
    Find,
    HasWords,
    InBox,
    Index,
    Near,
)
from application.ports.words import words


def filter_of(find: Find, after: Cursor | None = None) -> Document:
    """Which rows are asked for."""
    conditions = [_condition(condition) for condition in find.where]
    if after is not None:
        conditions += _after(find, after)
    return {"$and": conditions} if conditions else {}


def order_of(find: Find) -> list[tuple[str, int]]:
    """Return the order that they are asked for in."""
    way = pymongo.DESCENDING if find.descending else pymongo.ASCENDING
    order = [(column_of(find.order_by), way)] if find.order_by else []
    return [*order, ("_id", way)]


def column_of(name: str) -> str:
    """Return the field of a row that holds an index; dots would reach into a nested document."""
    return f"i:{name.replace('.', ':')}"


def keys_of(index: Index) -> list[list[tuple[str, int | str]]]:
    """Return the keys of the MongoDB indexes that an index needs."""
    column = column_of(index.name)
    match index.kind:
        case "value":
            return [[(column, 1), ("_id", 1)]]
        case "point":
            return [[(column, "2dsphere")], [(f"{column}.lat", 1), (f"{column}.lon", 1)]]
        case _:
            return [[(column, 1)]]


def _condition(condition: Condition) -> Document:
    column = column_of(condition.field)
    match condition:
        case Equals(value=value):
            return {column: scalar(value)}
        case Between(least=least, below=below):
            return {column: _range(scalar(least), scalar(below))}
        case InBox():
            return _in_box(column, condition)
        case Near():
            centre, radius = [condition.lon, condition.lat], min(condition.km / EARTH_KM, pi)
            return {column: {"$geoWithin": {"$centerSphere": [centre, radius]}}}
        case HasWords(text=text):
            asked = sorted(words(text))
            return {column: {"$all": asked}} if asked else {}


def _range(least: Any, below: Any) -> Document:
    bounds: Document = {"$ne": None}
    if least is not None:
        bounds["$gte"] = least
    if below is not None:
        bounds["$lt"] = below
    return bounds


def _in_box(column: str, box: InBox) -> Document:
    lat, lon = f"{column}.lat", f"{column}.lon"
    band: Document = {lat: {"$gte": box.south, "$lte": box.north}}
    if box.west <= box.east:
        return {**band, lon: {"$gte": box.west, "$lte": box.east}}
    return {**band, "$or": [{lon: {"$gte": box.west}}, {lon: {"$lte": box.east}}]}


def _after(find: Find, cursor: Cursor) -> list[Document]:
    """What rows behind the cursor are like."""
    key = {"_id": {"$lt" if find.descending else "$gt": cursor.key}}
    if not find.order_by:
        return [key]
    column, value = column_of(find.order_by), scalar(cursor.value)
    # The first condition narrows the part of the index that is read.
    return [_at_or_behind(column, value, find.descending), {"$or": [{column: {"$ne": value}}, key]}]


def _at_or_behind(column: str, value: Any, descending: bool) -> Document:
    """None comes before every value in the order, but a comparison never finds it."""
    if value is None:
        return {column: None} if descending else {}
    return {column: {"$not": {"$gt": value}} if descending else {"$gte": value}}
