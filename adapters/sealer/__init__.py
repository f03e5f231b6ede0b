"""Encrypt originals."""
