"""Features of every component on every day, from what was known on that day."""
