"""Who may say yes: identities, their roles, and words that are provably theirs. Pure."""
