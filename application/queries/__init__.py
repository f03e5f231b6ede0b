"""Query services: one file each, holding a document, a projection and a question."""
