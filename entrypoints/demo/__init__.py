"""The demonstration: a town in two languages, played through the API of a running Klarity."""
