"""The embedded default: real local servers and an ARM-shaped store, on loopback, thrown away afterwards."""
