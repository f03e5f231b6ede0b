"""What Klarity is about, in plain Python: one package per context, no framework, no clock, no I/O."""
