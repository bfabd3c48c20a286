"""What is missing, and who must see it: detector, live feed, events, time line."""
