"""Site trustlayer: what level of disaster it is, the runbooks of the five levels, backups, tests, status (TL-1 to TL-9)."""
