"""Several sites, one hazard model: each sends sums over its component-days, never a record."""
