"""The evidence package: its format, and reading it without trusting it (docs/design/package.md)."""
