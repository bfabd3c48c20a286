"""How long footage is kept, what is kept longer, and its lawful end."""
