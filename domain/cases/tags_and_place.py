"""Fold the tags and the place of a case from its events, for query services.

Events name tags by their numbers, because the texts are sealed.
"""

from collections.abc import Mapping

from domain.cases.case_events import (
    CaseLocated,
    CaseReported,
    CaseTagged,
    CaseUntagged,
    ContributionErased,
    LocationRetracted,
    LocationReturned,
)
from domain.cases.place import Location

TagEvent = CaseReported | CaseTagged | CaseUntagged | ContributionErased
PlaceEvent = CaseReported | CaseLocated | LocationRetracted | LocationReturned | ContributionErased
TagOrPlaceEvent = TagEvent | PlaceEvent


def tags_after(tags: Mapping[int, str], event: TagOrPlaceEvent) -> Mapping[int, str]:
    """Return the tags by their numbers after one more event."""
    match event:
        case CaseReported():
            return dict(enumerate(event.tags))
        case CaseTagged():
            return {**tags, event.number: event.tag}
        case CaseUntagged():
            return {number: tag for number, tag in tags.items() if number != event.number}
        case ContributionErased():
            return {number: tag for number, tag in tags.items() if number not in event.tags}
        case _:
            return tags


def place_after(place: Location | None, event: TagOrPlaceEvent) -> Location | None:
    """Return the place after one more event; None where it is unknown."""
    match event:
        case CaseReported() | CaseLocated() | LocationReturned():
            return event.location
        case LocationRetracted():
            return None
        case ContributionErased():
            return None if event.place_unknown else place
        case _:
            return place
