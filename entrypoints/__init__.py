"""Ways in: HTTP, the worker, the command line."""
