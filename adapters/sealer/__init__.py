"""Sealing originals."""
