"""What flags and moderators lead to."""
