"""The kinds of study: what each simulates, learns, compares and measures."""
