"""Entry points: HTTP, the worker and the command line."""
