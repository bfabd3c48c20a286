"""Simulated cameras and recorders with scripted faults; also the load generator."""
