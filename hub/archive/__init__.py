"""Sealed reels and the ledger's files in an object store, read from there as from the disk."""
