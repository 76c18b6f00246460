"""docs/footprint.md: every declared resource, why it is there, and which dial touches it. Pure: desired states in, text out."""
