"""Uploads, and how evidence is made safe to show."""
