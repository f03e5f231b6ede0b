"""Encode commits as JSON for the store, and events as CloudEvents for the bus."""
