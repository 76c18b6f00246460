"""Objects between S3 and Blob Storage: sorted listings, proven copies, in both directions (SYNC-1, SYNC-2, BACK-2)."""
