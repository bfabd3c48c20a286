"""Outside witnesses of the log: who is asked for a cosignature or a time-stamp, when, and what came back."""
