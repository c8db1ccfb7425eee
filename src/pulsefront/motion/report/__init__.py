"""Pages and records of what was found."""
