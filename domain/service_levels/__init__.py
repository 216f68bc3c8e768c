"""Service levels: calendars, deadlines, policies and the clocks of a case (domain.md 3)."""
