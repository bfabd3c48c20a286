"""Other recorders, run on the same streams at the same time, to compare with: none is needed by the hub itself."""
