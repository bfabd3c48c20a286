"""Watching a log from outside: the witness, `hub audit`, and what the hub hands out for them."""
