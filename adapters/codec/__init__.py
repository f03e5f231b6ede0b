"""Events as JSON: how commits are stored, and how events travel as CloudEvents."""
