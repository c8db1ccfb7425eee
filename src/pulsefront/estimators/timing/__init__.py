"""Times of two pulses in coincidence: discriminators, walk, and the bounds of any estimator."""
