"""Backups: encrypted archives in a folder, and snapshots of the stores."""
