"""Discussions: what people say about a case, one stream for each comment."""
