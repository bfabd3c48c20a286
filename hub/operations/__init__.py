"""What an engineer sees of the hub: its own figures over time, kept in memory alone, and whether anything was lost."""
