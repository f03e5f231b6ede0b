"""Webhooks: other systems that are notified when a case becomes public."""
