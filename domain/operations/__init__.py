"""How the system runs: the alerts that the monitor raises, and what operators do."""
