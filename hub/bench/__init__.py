"""Benchmarks: each compares in one run and checks that nothing was lost."""
