"""Gathers the evidence of readiness, by really doing what is asked about; recovery.readiness judges it."""
