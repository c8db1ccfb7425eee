"""How far the simulation can be believed: published detectors beside it, and what stays open."""
