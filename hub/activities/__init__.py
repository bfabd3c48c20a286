"""Enforcement activities (执法活动): who recorded what, for which case, and whether its footage came in time."""
