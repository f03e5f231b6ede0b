"""Members: who takes part, under which pseudonym, with which roles."""
