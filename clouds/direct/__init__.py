"""The parts of the direct engine: what would change (planning), and changing it in the graph's order
(applying)."""
