"""Webhooks, and how deliveries reach them."""
