"""Golden copies: every stored event ever shipped, and what it must still mean."""
