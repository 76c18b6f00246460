"""Desired state against live state: findings, never guesses."""
