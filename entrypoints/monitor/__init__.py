"""The monitor: what operators see of the running system, on the internal address."""
