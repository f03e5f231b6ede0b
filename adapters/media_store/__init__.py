"""Store blobs in a folder or in GridFS."""
