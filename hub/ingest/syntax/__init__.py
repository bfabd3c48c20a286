"""What the hub must read inside coded media: parameter sets, slice headers, audio configurations."""
