"""Whole days in UTC: all that is stored of the times at which members come and go."""

from datetime import UTC, datetime, timedelta

DAY = timedelta(days=1)


def day_of(moment: datetime) -> datetime:
    """Return the start of the moment's day."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
