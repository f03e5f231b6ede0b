"""Refuse queries that the indexes of a search model do not allow."""

from collections.abc import Mapping
from dataclasses import replace

from adapters.read_models import indexing
from application.ports.read_models import RELEVANCE, Equals, Find, Index


def check(find: Find, indexes: Mapping[str, Index]) -> None:
    """Raise ValueError if a query needs an index that is not declared."""
    if find.order_by == RELEVANCE and find.matches is None:
        raise ValueError("only rows that match a text have a relevance")
    fields = [find.order_by if find.order_by != RELEVANCE else ""]
    if find.recency:
        fields.append(find.recency.field)
    for field in fields:
        indexing.check(replace(find, matches=None, order_by=field), indexes)
    for name in find.matches.names if find.matches else ():
        if name not in indexes or indexes[name].kind != "text":
            raise ValueError(f"{name} has no index for this: add by_text to the indexes")


def check_values(field: str, indexes: Mapping[str, Index]) -> None:
    """Raise ValueError if the values of a field cannot be counted."""
    indexing.check(Find(where=(Equals(field, None),)), indexes)
