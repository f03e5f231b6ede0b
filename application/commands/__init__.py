"""Commands: one executor for every decider, and what a decider alone cannot express."""
