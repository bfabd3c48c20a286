"""What becomes of an interruption after the fault: reported, explained, filled, closed (docs/design/followup.md)."""
