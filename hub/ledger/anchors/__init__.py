"""What outsiders said about the log, checked without the hub: cosignatures and time-stamp tokens."""
