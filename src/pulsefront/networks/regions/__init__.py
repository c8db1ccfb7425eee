"""Networks of regions: a coarse estimate chooses the weights of a small network."""
