"""What the application asks of the outside world: one protocol a file."""
