"""Where blobs are kept: a folder, or GridFS."""
