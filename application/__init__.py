"""Use cases: what Klarity does, speaking only to the domain and to ports."""
