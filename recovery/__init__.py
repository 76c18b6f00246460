"""DECIDES: plain data in, plain data out. No network, no clock, no SDK, no Pulumi."""
