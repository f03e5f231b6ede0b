"""Translate queries on a read model into MongoDB's language."""

from math import pi
from typing import Any

import pymongo
from pymongo import IndexModel

from adapters.mongo import Document
from adapters.read_models.cells import cells_in
from adapters.read_models.indexing import boxes_of, scalar
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
    OneOf,
)
from domain.sphere import EARTH_KM


def filter_of(find: Find, after: Cursor | None = None) -> Document:
    """Return the filter for the rows of the query."""
    conditions = [_condition(condition) for condition in find.where]
    if after is not None:
        conditions += _after(find, after)
    return {"$and": conditions} if conditions else {}


def order_of(find: Find) -> list[tuple[str, int]]:
    """Return the sort order of the query."""
    way = pymongo.DESCENDING if find.descending else pymongo.ASCENDING
    order = [(column_of(find.order_by), way)] if find.order_by else []
    return [*order, ("_id", way)]


def column_of(name: str) -> str:
    """Return the field of a row that holds an index. A dot in it would mean a nested document."""
    return f"i:{name.replace('.', ':')}"


def cells_column(column: str) -> str:
    """Return the field of a row that holds the cells of a point."""
    return f"c{column}"


def indexes_of(index: Index) -> list[IndexModel]:
    """Return the MongoDB indexes that implement an index."""
    column = column_of(index.name)
    match index.kind:
        case "value":
            return [IndexModel([(column, 1), ("_id", 1)])]
        case "point":
            order = [(column_of(index.order), 1)] if index.order else []
            return [IndexModel([(cells_column(column), 1), *order, ("_id", 1)])]
        case _:
            return [IndexModel([(column, 1)])]


def _condition(condition: Condition) -> Document:
    column = column_of(condition.field)
    match condition:
        case Equals(value=value):
            return {column: scalar(value)}
        case OneOf(values=values):
            return {column: {"$in": [scalar(value) for value in values]}}
        case Between(least=least, below=below):
            return {column: _range(scalar(least), scalar(below))}
        case InBox():
            return {**_in_cells(column, condition), **_in_box(column, condition)}
        case Near():
            centre, radius = [condition.lon, condition.lat], min(condition.km / EARTH_KM, pi)
            circle = {"$geoWithin": {"$centerSphere": [centre, radius]}}
            return {**_in_cells(column, condition), column: circle}
        case HasWords():
            raise ValueError("only a search index can search in texts")


def _range(least: Any, below: Any) -> Document:
    bounds: Document = {"$ne": None}
    if least is not None:
        bounds["$gte"] = least
    if below is not None:
        bounds["$lt"] = below
    return bounds


def _in_cells(column: str, condition: InBox | Near) -> Document:
    return {cells_column(column): {"$in": cells_in(boxes_of(condition))}}


def _in_box(column: str, box: InBox) -> Document:
    lat, lon = f"{column}.lat", f"{column}.lon"
    band: Document = {lat: {"$gte": box.south, "$lte": box.north}}
    if box.west <= box.east:
        return {**band, lon: {"$gte": box.west, "$lte": box.east}}
    return {**band, "$or": [{lon: {"$gte": box.west}}, {lon: {"$lte": box.east}}]}


def _after(find: Find, cursor: Cursor) -> list[Document]:
    """Return the filter for rows after the cursor."""
    key = {"_id": {"$lt" if find.descending else "$gt": cursor.key}}
    if not find.order_by:
        return [key]
    column, value = column_of(find.order_by), scalar(cursor.value)
    # The first condition limits the part of the index that is read.
    return [_at_or_behind(column, value, find.descending), {"$or": [{column: {"$ne": value}}, key]}]


def _at_or_behind(column: str, value: Any, descending: bool) -> Document:
    """Compare with None explicitly: MongoDB sorts it before every value, but never matches it."""
    if value is None:
        return {column: None} if descending else {}
    return {column: {"$not": {"$gt": value}} if descending else {"$gte": value}}
