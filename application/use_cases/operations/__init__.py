"""What the monitor knows of the running system, and what it does about it."""
