"""What members do in discussions."""
