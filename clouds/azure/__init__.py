"""Azure: Resource Manager, storage, Cosmos DB, metrics."""
