"""From chunks to evidence: entries, chain, log, checkpoints, verification. Needs no media library."""
