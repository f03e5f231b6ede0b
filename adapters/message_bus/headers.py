"""Headers of messages, the same on all brokers."""

DELIVERY_COUNT = "x-delivery-count"
"""How often the broker delivered the message before, if it counts."""
MAC = "klarity-mac"
"""The MAC that proves that the publisher has the instance's secret."""
TRANSIENT, PERSISTENT = 1, 2
"""The delivery modes of AMQP: a message that is not lasting, and one that is."""
