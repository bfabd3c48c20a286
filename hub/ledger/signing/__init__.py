"""Signing: keys and their life, the signer and where it runs, and what a verifier makes of keys."""
