"""Store the state of uploads."""
