"""Who looks at what: reasons and approvals for playback, and the note of every look in the ledger."""
