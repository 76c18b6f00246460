"""TOUCHES the world: thin adapters, one service a file."""
