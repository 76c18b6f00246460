"""The rehearsal of site trustlayer: a client that writes and reads back, five disasters, one report."""
