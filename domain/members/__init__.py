"""Members: registration, pseudonyms, roles, suspension and erasure."""
