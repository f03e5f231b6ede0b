"""Settings, and the container that puts the program together."""
