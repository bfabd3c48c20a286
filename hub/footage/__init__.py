"""Backfill (补传): footage that a device recorded by itself, brought later, and put where it belongs."""
