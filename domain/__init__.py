"""What Klarity is about, in plain Python: a package per context, no framework, no clock, no I/O."""
