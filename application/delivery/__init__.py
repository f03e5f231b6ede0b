"""From a log to everyone who hears it: in order, nothing lost, each effect exactly once."""
