"""Makes hashes of passphrases cheap, in the tests and in the processes that they start.

Klarity has no setting for that. Python imports this first where its folder is on PYTHONPATH.
"""

from adapters.credentials.argon2 import Argon2Passphrases

Argon2Passphrases.__init__.__kwdefaults__ = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
