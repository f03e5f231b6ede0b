"""Telling the systems of others: planned, tried, and never lost."""
