"""The headers of messages on every broker."""

DELIVERY_COUNT = "x-delivery-count"
"""How often a message was delivered before, where the broker counts."""
MAC = "klarity-mac"
"""Proves that whoever published the message has the instance's secret."""
