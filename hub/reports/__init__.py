"""Reports to print and to calculate with: the month's completeness (docs/design/duty.md)."""
