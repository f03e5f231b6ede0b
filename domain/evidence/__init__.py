"""Evidence: uploaded files, and their renditions that are safe to show."""
