"""What runs every service and knows none of them. Read it in this order.

- Commands: ``executor``.
- From a log to the bus: ``relay``; and ``log_sealer``, which detects a log that was cut.
- From the bus and history to a subscriber: ``subscriber``, ``subscription``, ``parking``.
- Policies: ``policy``; slow ones: ``turns``, ``pool``.
- Query services: ``query_service``, ``rows``, ``projector``; their builds: ``builds``, ``feed``,
  ``rebuild``; the questions: ``answers``, ``time_travel``.
- All of it in one process: ``loop``, ``runtime``.
"""
