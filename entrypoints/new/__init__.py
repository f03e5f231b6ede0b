"""What ``klarity new`` writes: the first version of something, with its tests."""
