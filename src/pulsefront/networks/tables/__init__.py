"""Networks of look-up tables: sums of a table for each input, cut off to a code, then tables."""
