"""Alarms, and who is told of them."""
