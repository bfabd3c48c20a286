"""What leaves the hub as evidence: packages, their report, a movie for people to look at."""
