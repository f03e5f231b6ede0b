"""By context, what a decider alone cannot express."""
