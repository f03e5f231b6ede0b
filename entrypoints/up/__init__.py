"""``klarity up``: every service as a process of its own, with its servers, on one machine."""
