"""Where the state of uploads is kept."""
