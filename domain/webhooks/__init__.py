"""Webhooks: systems of others that are told what becomes public."""
