"""What was meant, what was done, and who may run now: append-only records, folded into state. Pure."""
