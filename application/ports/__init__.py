"""The ports: what the application needs from outside, one protocol per file."""
