"""What members do with cases."""
