"""Read a publisher's log in place or over HTTP."""
