"""TALKS to a person: the `dr` command, one file a verb. Parses, wires, shows, exits."""
