"""Evidence as bytes: from an upload to something that is safe to show."""
