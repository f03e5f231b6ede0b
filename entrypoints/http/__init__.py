"""The REST API that mobile clients see, as a Flask application."""
