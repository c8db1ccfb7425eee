"""Traces of rates and centroids: what they hold, and what is wrong with them."""
