"""Several machines as one hub: who lives, who owns which stream, and what they tell each other."""
