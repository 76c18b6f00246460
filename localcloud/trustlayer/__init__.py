"""Site trustlayer on loopback: two Kubernetes control planes, PostgreSQL with streaming replication, its API, AWS."""
